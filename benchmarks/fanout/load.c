/* Many listeners in one thread: connect, ask, read, count what arrives and how late.
 *
 *   load HOST PORT CONNECTIONS SECONDS WARMUP MODE PATH
 *
 * MODE is "sse" (GET PATH) or "socketio" (GET PATH as a WebSocket, then Socket.IO's
 * CONNECT). A delivery is an occurrence of "created_at":SECONDS in what is read; its
 * latency is the clock now less SECONDS, so sender and this program share a machine.
 * Prints one line of JSON. What arrives during WARMUP seconds is not counted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEY "\"created_at\":"
#define KEY_BYTES (sizeof KEY - 1)
#define NUMBER_BYTES 20
#define TAIL_BYTES (KEY_BYTES + NUMBER_BYTES)
#define BUFFER_BYTES (256 * 1024)
#define BUCKETS 200000 /* of 0.1 ms */

struct connection {
    int fd;
    int greeted;
    int tail_bytes;
    char tail[TAIL_BYTES];
    long seen;
};

static long histogram[BUCKETS];
static long deliveries, bytes, lost;
static char buffer[TAIL_BYTES + BUFFER_BYTES + 1];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_connection(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    while (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno != EAGAIN && errno != ECONNREFUSED) fail("connect");
        usleep(10000);
    }
    return fd;
}

static void ask(int fd, const char *host, const char *path, int is_socketio) {
    char request[1024];
    int length = snprintf(request, sizeof request,
        is_socketio
            ? "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            : "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
        path, host);
    if (write(fd, request, (size_t)length) != length) fail("write");
}

/* Say CONNECT to Socket.IO's default namespace: a masked text frame "40", mask zero. */
static void greet(struct connection *connection) {
    static const char frame[] = {(char)0x81, (char)0x82, 0, 0, 0, 0, '4', '0'};
    connection->greeted = 1;
    if (write(connection->fd, frame, sizeof frame) != (ssize_t)sizeof frame) fail("write");
}

static void note(double sent_at, double at, int counts) {
    if (!counts) return;
    long bucket = (long)((at - sent_at) * 1e4);
    if (bucket < 0) bucket = 0;
    if (bucket >= BUCKETS) bucket = BUCKETS - 1;
    histogram[bucket]++;
    deliveries++;
}

/* Find what was delivered in the tail of the last read and what was read now. */
static void scan(struct connection *connection, char *start, char *end, int counts) {
    double at = now();
    char *position = start, *found;
    *end = 0;
    while ((found = memmem(position, (size_t)(end - position), KEY, KEY_BYTES))) {
        if (end - found < (long)TAIL_BYTES) break; /* The number may go on. */
        note(strtod(found + KEY_BYTES, NULL), at, counts);
        connection->seen++;
        position = found + KEY_BYTES;
    }
    char *rest = found ? found : end - (TAIL_BYTES - 1);
    if (rest < position) rest = position;
    connection->tail_bytes = (int)(end - rest);
    memcpy(connection->tail, rest, (size_t)connection->tail_bytes);
}

static int read_some(struct connection *connection, int is_socketio, int counts) {
    memcpy(buffer, connection->tail, (size_t)connection->tail_bytes);
    ssize_t got = read(connection->fd, buffer + connection->tail_bytes, BUFFER_BYTES);
    if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
    if (counts) bytes += got;
    if (is_socketio && !connection->greeted) greet(connection);
    scan(connection, buffer, buffer + connection->tail_bytes + got, counts);
    return 0;
}

static double percentile(double share) {
    long wanted = (long)((double)deliveries * share), sum = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        if ((sum += histogram[bucket]) > wanted) return bucket / 10.0;
    return 0;
}

int main(int count, char **arguments) {
    if (count != 8) return fprintf(stderr, "see the top of load.c\n"), 2;
    const char *host = arguments[1], *path = arguments[7];
    int port = atoi(arguments[2]), connections = atoi(arguments[3]);
    double seconds = atof(arguments[4]), warmup = atof(arguments[5]);
    int is_socketio = !strcmp(arguments[6], "socketio");
    struct rlimit limit = {(rlim_t)connections + 64, (rlim_t)connections + 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    int poll = epoll_create1(0);
    for (int index = 0; index < connections; index++) {
        all[index].fd = open_connection(host, port);
        ask(all[index].fd, host, path, is_socketio);
        fcntl(all[index].fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[index]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, all[index].fd, &event) < 0) fail("epoll_ctl");
    }
    fprintf(stderr, "connected\n");
    double start = now() + warmup, end = start + seconds, at;
    struct epoll_event ready[512];
    while ((at = now()) < end) {
        int number = epoll_wait(poll, ready, 512, 50);
        for (int index = 0; index < number; index++) {
            struct connection *connection = ready[index].data.ptr;
            if (read_some(connection, is_socketio, at >= start) == 0) continue;
            epoll_ctl(poll, EPOLL_CTL_DEL, connection->fd, NULL);
            lost++;
        }
    }
    long least = -1, most = 0;
    for (int index = 0; index < connections; index++) {
        if (least < 0 || all[index].seen < least) least = all[index].seen;
        if (all[index].seen > most) most = all[index].seen;
    }
    printf("{\"deliveries\": %ld, \"per_second\": %.0f, \"bytes\": %ld, \"lost\": %ld, "
           "\"least\": %ld, \"most\": %ld, \"p50_ms\": %.1f, \"p99_ms\": %.1f, \"max_ms\": %.1f}\n",
           deliveries, (double)deliveries / seconds, bytes, lost, least, most,
           percentile(0.5), percentile(0.99), percentile(0.999999));
    return 0;
}
