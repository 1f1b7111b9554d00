/*
 * Floods one TLS 1.3 connection, and tells how that ended.
 *
 *     client PORT KIND SECONDS ALPN [CERTIFICATES.pem KEY.pem]
 *
 * KIND: update    KeyUpdates
 *       requested KeyUpdates that ask for one of the other side
 *       hidden    KeyUpdates behind large frames of HTTP/2 that nobody knows
 *       bytes     records of one byte each, of a comment in HTTP/1
 *
 * Says "begun" after the handshake; then, when the connection is ended, "ended", else "open".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 500, FRAME = 16384 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Makes a batch of records in memory. */
static void make(SSL *tls, const char *kind) {
  static unsigned char frame[FRAME] = {0, (FRAME - 9) >> 8, (FRAME - 9) & 255, 0xee};
  if (strcmp(kind, "bytes") == 0) {
    for (int i = 0; i < BATCH; i++) SSL_write(tls, "x", 1);
    return;
  }
  int ask = strcmp(kind, "requested") == 0;
  if (strcmp(kind, "hidden") == 0) SSL_write(tls, frame, FRAME);
  for (int i = 0; i < BATCH; i++) {
    if (SSL_key_update(tls, ask ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) <= 0 ||
        SSL_do_handshake(tls) <= 0)
      exit(3);
  }
}

/* Sends what was made and throws away what comes; false when the other side has ended. */
static int exchange(int fd, const char *data, long left, double end) {
  static char rubbish[65536];
  for (;;) {
    struct pollfd wanted = {fd, POLLIN | (left > 0 ? POLLOUT : 0), 0};
    double rest = end - now();
    if (rest <= 0) return 1;
    if (poll(&wanted, 1, left > 0 ? 100 : 1) < 0) return 0;
    if (wanted.revents & (POLLERR | POLLHUP)) return 0;
    if (wanted.revents & POLLIN) {
      ssize_t got = recv(fd, rubbish, sizeof rubbish, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return 0;
    }
    if (left == 0) return 1;
    if (wanted.revents & POLLOUT) {
      ssize_t sent = send(fd, data, left, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) data += sent, left -= sent;
      else if (sent < 0 && errno != EAGAIN && errno != EINTR) return 0;
    }
  }
}

int main(int count, char **words) {
  if (count < 5) return 2;
  const char *kind = words[2], *alpn = words[4];
  unsigned char protocol[256] = {(unsigned char)strlen(alpn)};
  memcpy(protocol + 1, alpn, strlen(alpn));
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (count > 6 && (SSL_CTX_use_certificate_chain_file(context, words[5]) <= 0 ||
                    SSL_CTX_use_PrivateKey_file(context, words[6], SSL_FILETYPE_PEM) <= 0))
    return 2;
  SSL *tls = SSL_new(context);
  SSL_set_alpn_protos(tls, protocol, 1 + protocol[0]);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (void *)&to, sizeof to) || !SSL_set_fd(tls, fd) || SSL_connect(tls) <= 0) {
    puts("no handshake");
    return 1;
  }
  if (strcmp(alpn, "h2") == 0) SSL_write(tls, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  else SSL_write(tls, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n", 59);
  puts("begun");
  fflush(stdout);
  BIO *batch = BIO_new(BIO_s_mem());
  SSL_set0_wbio(tls, batch);
  double end = now() + atof(words[3]);
  while (now() < end) {
    char *data;
    make(tls, kind);
    long left = BIO_get_mem_data(batch, &data);
    if (!exchange(fd, data, left, end)) {
      puts("ended");
      return 0;
    }
    BIO_reset(batch);
  }
  puts("open");
  return 0;
}
