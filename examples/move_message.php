<?php
// Move a message, with only PHP 8.
//
// Usage: php move_message.php URL MAILBOX ID FOLDER [--without-md5]
// The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.

[, $url, $mailbox, $id, $folder] = $argv;
$uri = '/direct/messages/move/format/json';
$contentType = 'application/x-www-form-urlencoded';
$body = http_build_query(['mailbox' => $mailbox, 'id' => $id, 'folder' => $folder]);
$date = gmdate('D, d M Y H:i:s \G\M\T');
$headers = ["Date: $date", "Content-Type: $contentType"];
$lines = ['POST', $date, $contentType, $uri];
if (($argv[5] ?? '') !== '--without-md5') {
    $md5 = base64_encode(md5($body, true));
    $headers[] = "Content-MD5: $md5";
    array_splice($lines, 2, 0, $md5);
}

$signature = base64_encode(hash_hmac('sha256', implode("\n", $lines), getenv('DAAS_PRIVATE_KEY')));
$headers[] = 'Authorization: DAAS ' . getenv('DAAS_PUBLIC_KEY') . ":$signature";

$request = ['method' => 'POST', 'header' => $headers, 'content' => $body, 'ignore_errors' => true];
echo file_get_contents($url . $uri, false, stream_context_create(['http' => $request])), "\n";
exit(str_contains($http_response_header[0], ' 200 ') ? 0 : 1);
