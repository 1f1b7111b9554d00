// in-network [PROGRAM ARGUMENT...]: runs the health check of an application, but fails where the application was left
// behind in the network namespace of a pod that has ended. `hauberk inject` writes it before health checks, and pods hand
// it out through a volume. It is in C, without libraries, since an image may have no shell, and shall get none by this.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int has_second_line(const char *path) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  int lines = 0;
  for (int c; lines < 2 && (c = getc(file)) != EOF;) lines += c == '\n';
  fclose(file);
  return lines == 2;
}

int main(int argc, char **argv) {
  // A namespace whose owner has ended has no route, and no address of IPv6 besides that of its loopback.
  if (!has_second_line("/proc/net/route") && !has_second_line("/proc/net/if_inet6")) {
    puts("in-network: the pod of this container was restarted or has ended, and took the network with it: "
         "restart this container");
    return 1;
  }
  if (argc < 2) return 0;
  execvp(argv[1], argv + 1);
  printf("in-network: %s cannot be started: %s\n", argv[1], strerror(errno));
  return 127;
}
