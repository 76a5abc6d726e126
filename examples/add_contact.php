<?php
// Makes a list and adds a contact to it, with nothing but PHP 8.
//
// Usage: php add_contact.php URL LIST_NAME EMAIL_ADDRESS NAME
// The keys come from the environment: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.

/** Signs and sends a call for lists and contacts, prints the answer, and gives it; what follows a ? is in order. */
function call(string $method, string $uri, array $posted = []): mixed
{
    global $url;
    ksort($posted, SORT_STRING);
    $json = $posted ? json_encode($posted) : '{"posted_data":"[]"}';
    $signature = hash_hmac('sha256', strtolower("$method::$uri::$json"), getenv('DAAS_PRIVATE_KEY'));
    $headers = ['Authorization: RCWS ' . getenv('DAAS_PUBLIC_KEY') . ":$signature", 'Content-Type: application/json'];
    $request = ['method' => $method, 'header' => $headers, 'content' => $posted ? $json : '', 'ignore_errors' => true];
    $answer = file_get_contents($url . $uri, false, stream_context_create(['http' => $request]));
    echo $answer, "\n";
    if (!preg_match('/ 20[01] /', $http_response_header[0])) {
        exit(1);
    }
    return json_decode($answer, true);
}

[, $url, $listName, $emailAddress, $name] = $argv;
$made = call('POST', '/v1/lists/' . rawurlencode($listName));
preg_match('/[0-9]+$/', $made['message'], $listId);
call('POST', "/v1/contacts.json/$listId[0]/contacts/", ['email_address' => $emailAddress, 'name' => $name]);
call('GET', "/v1/contacts.json/$listId[0]/contacts/?offset=0&pagesize=5");
