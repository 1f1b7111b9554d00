<?php
// Answers GET /RUN/NUMBER with ok when MariaDB answered what it should have.

// Our address, as a server on the same network sees it.
function address_towards(string $host): string {
  $probe = stream_socket_client("udp://$host:9");
  return explode(':', stream_socket_get_name($probe, false))[0];
}

function ask(string $run, string $number): string {
  $text = 'row-' . substr(hash('sha256', $run), 0, 32) . "-$number";
  $db = new mysqli('db', 'blog', 'secret', 'blog');
  $db->query('create table if not exists seen (text varchar(100))');
  $db->query("insert into seen values ('" . $db->real_escape_string($text) . "')");
  [$row, $user] = $db->query("select text, user() from seen where text = '" . $db->real_escape_string($text) . "'")->fetch_row();
  if ($user !== 'blog@' . address_towards('db')) return "MariaDB takes us for $user";
  return $row === $text ? 'ok' : 'a wrong answer';
}

try {
  [, $run, $number] = explode('/', $_SERVER['REQUEST_URI']);
  $answer = ask($run, $number);
} catch (Throwable $error) {
  $answer = $error->getMessage();
}
http_response_code($answer === 'ok' ? 200 : 502);
echo $answer;
