<?php
// Make a list and add a contact to it, with only PHP 8.
//
// Usage: php add_contact.php URL LIST_NAME EMAIL_ADDRESS NAME
// The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.

/** Send a signed request, print the response and return it decoded; the query in $uri must be sorted by name. */
function call(string $method, string $uri, array $posted = []): mixed
{
    global $url;
    ksort($posted, SORT_STRING);
    $json = $posted ? json_encode($posted) : '{"posted_data":"[]"}';
    $signature = hash_hmac('sha256', strtolower("$method::$uri::$json"), getenv('DAAS_PRIVATE_KEY'));
    $headers = ['Authorization: RCWS ' . getenv('DAAS_PUBLIC_KEY') . ":$signature", 'Content-Type: application/json'];
    $request = ['method' => $method, 'header' => $headers, 'content' => $posted ? $json : '', 'ignore_errors' => true];
    $response = file_get_contents($url . $uri, false, stream_context_create(['http' => $request]));
    echo $response, "\n";
    if (!preg_match('/ 20[01] /', $http_response_header[0])) {
        exit(1);
    }
    return json_decode($response, true);
}

[, $url, $listName, $emailAddress, $name] = $argv;
$made = call('POST', '/v1/lists/' . rawurlencode($listName));
preg_match('/[0-9]+$/', $made['message'], $listId);
call('POST', "/v1/contacts.json/$listId[0]/contacts/", ['email_address' => $emailAddress, 'name' => $name]);
call('GET', "/v1/contacts.json/$listId[0]/contacts/?offset=0&pagesize=5");
