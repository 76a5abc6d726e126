<?php
// Signs a request for lists or contacts as a program in PHP does, without this project's code: reads JSON of `method`,
// `uri`, `body` (null: nothing is posted), `no_data`, `slashes`, `unicode` and `private_key` from standard input, and
// prints the string to sign and its signature.
$request = json_decode(file_get_contents('php://stdin'), false, 512, JSON_THROW_ON_ERROR);

[$path, $query] = array_pad(explode('?', $request->uri, 2), 2, '');
if ($query !== '') {
    $pairs = explode('&', $query);
    usort($pairs, fn($a, $b) => strcmp(explode('=', $a)[0], explode('=', $b)[0]));
    $path .= '?' . implode('&', $pairs);
}
$json = json_encode(['posted_data' => $request->no_data ?? '[]']);
if ($request->body !== null) {
    $posted = (array) json_decode($request->body, false, 512, JSON_THROW_ON_ERROR);
    ksort($posted, SORT_STRING);
    $flags = ($request->slashes ? 0 : JSON_UNESCAPED_SLASHES) | ($request->unicode ? 0 : JSON_UNESCAPED_UNICODE);
    $json = json_encode((object) $posted, $flags);
}
$string = strtolower($request->method . '::' . $path . '::' . $json);
echo json_encode([$string, hash_hmac('sha256', $string, $request->private_key)], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
