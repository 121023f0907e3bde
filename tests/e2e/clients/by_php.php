<?php
// PHP's file_get_contents, as its users call it. See clients.py for the arguments.
[, $method, $url, $token, $path, $mode] = $argv;
$options = ["method" => $method, "header" => ["Authorization: Bearer $token"], "timeout" => 60, "ignore_errors" => true];
if ($path !== "") {
    $options["content"] = file_get_contents($path);
    $options["header"][] = "Content-Type: application/octet-stream";
}
$context = stream_context_create(["http" => $options]);
if ($mode === "lines") {
    $answer = fopen($url, "r", false, $context);
    while ($answer && ($line = fgets($answer)) !== false) {
        echo $line;
        flush();
    }
} else {
    $answer = @file_get_contents($url, false, $context);
    echo $answer;
}
preg_match('/ (\d+)/', $http_response_header[0] ?? "", $status);
fprintf(STDERR, "%s %s\n", $status[1] ?? "", $answer === false ? "broken " . (error_get_last()["message"] ?? "") : "complete");
