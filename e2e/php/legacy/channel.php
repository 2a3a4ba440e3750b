<?php

// The HTTP helper of the JavaScript client:
//   GET  ?channelid=C&clientid=I   the new messages, a JSON list of texts
//   POST ?channelid=C&clientid=I   sends the body
//   ?getIP                         the client's address
// memcached is at MEMCACHED_HOST (127.0.0.1) and MEMCACHED_PORT (11211).

require __DIR__ . '/load.php';

if (isset($_GET['getIP'])) {
    echo $_SERVER['REMOTE_ADDR'];
    exit;
}

$store = new MemcacheCommStore(
    getenv('MEMCACHED_HOST') ?: '127.0.0.1',
    getenv('MEMCACHED_PORT') ?: '11211',
    $_GET['channelid']
);
$channel = new CommChannel($store, $_GET['clientid']);

if ($_SERVER['REQUEST_METHOD'] == 'POST') {
    $channel->send(file_get_contents('php://input'));
    exit;
}

// A channel of an address is read from there only.
if (preg_match('/(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})_/', $_GET['channelid'], $match)
    && $match[1] != $_SERVER['REMOTE_ADDR']) {
    echo '{err: "Unauthorised client"}';
    exit;
}

echo json_encode($channel->getMessages());
