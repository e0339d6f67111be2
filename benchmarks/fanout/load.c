/* Many listeners in one thread: connect, ask, read, count what arrives and how late.
 *
 *   load HOST PORT CONNECTIONS MODE PATH KEY EVENTS WARMUP SECONDS
 *
 * MODE is "sse" (GET PATH) or "socketio" (GET PATH as a WebSocket, then Socket.IO's
 * CONNECT). An event is an occurrence of KEY, followed by the clock's seconds when it
 * was sent, so sender and this program share a machine; the stamps of a listener's
 * events grow, and one that does not is a repetition. Measured are the events sent in the
 * SECONDS after the first WARMUP seconds of sending, whenever they arrive. It ends when
 * all have seen EVENTS events, or GRACE_SECONDS late, and prints one line of JSON.
 *
 * It says "connected" when all are. With EVENTS 0 it then stays so until its input ends.
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

#define NUMBER_BYTES 20
#define MAX_TAIL_BYTES (64 + NUMBER_BYTES)
#define GRACE_SECONDS 4.0
#define SILENCE_SECONDS 60.0
#define BUFFER_BYTES (256 * 1024)
#define BUCKETS 200000 /* of 0.1 ms */

struct connection {
    int fd;
    int greeted, is_there;
    int tail_bytes;
    char tail[MAX_TAIL_BYTES];
    double newest;
    long seen, measured;
};

static const char *key;
static size_t key_bytes, tail_bytes;
static double first_sent, warmup, seconds;
static long histogram[BUCKETS];
static long events, connections, deliveries, complete, repeated, lost, there;
static char buffer[MAX_TAIL_BYTES + BUFFER_BYTES + 1];

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
static void greet(struct connection *connection, int is_socketio) {
    static const char frame[] = {(char)0x81, (char)0x82, 0, 0, 0, 0, '4', '0'};
    connection->greeted = 1;
    if (!is_socketio) return;
    if (write(connection->fd, frame, sizeof frame) != (ssize_t)sizeof frame) fail("write");
}

static void note(struct connection *connection, double sent_at, double at) {
    if (sent_at <= connection->newest) {
        repeated++;
        return;
    }
    connection->newest = sent_at;
    if (first_sent == 0) first_sent = sent_at;
    if (++connection->seen == events) complete++;
    double since = sent_at - first_sent - warmup;
    if (since < 0 || since >= seconds) return;
    long bucket = (long)((at - sent_at) * 1e4);
    if (bucket < 0) bucket = 0;
    if (bucket >= BUCKETS) bucket = BUCKETS - 1;
    histogram[bucket]++;
    connection->measured++;
    deliveries++;
}

/* Find the events in the tail of the last read and what was read now. */
static void scan(struct connection *connection, char *start, char *end) {
    double at = now();
    char *position = start, *found;
    *end = 0;
    while ((found = memmem(position, (size_t)(end - position), key, key_bytes))) {
        if (end - found < (long)tail_bytes) break; /* The number may go on. */
        note(connection, strtod(found + key_bytes, NULL), at);
        position = found + key_bytes;
    }
    char *rest = found ? found : end - (tail_bytes - 1);
    if (rest < position) rest = position;
    connection->tail_bytes = (int)(end - rest);
    memcpy(connection->tail, rest, (size_t)connection->tail_bytes);
}

static int read_some(struct connection *connection, int is_socketio) {
    memcpy(buffer, connection->tail, (size_t)connection->tail_bytes);
    ssize_t got = read(connection->fd, buffer + connection->tail_bytes, BUFFER_BYTES);
    if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
    char *end = buffer + connection->tail_bytes + got;
    if (!connection->greeted) greet(connection, is_socketio);
    if (!connection->is_there) {
        /* Socket.IO's answer to CONNECT may come after the answer to the upgrade. */
        const char *sign = is_socketio ? "40{" : "HTTP/1.1 200";
        connection->is_there = memmem(buffer, (size_t)(end - buffer), sign, strlen(sign)) != NULL;
        there += connection->is_there;
    }
    scan(connection, buffer, end);
    return 0;
}

static double percentile(double share) {
    long wanted = (long)((double)deliveries * share), sum = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        if ((sum += histogram[bucket]) > wanted) return bucket / 10.0;
    return 0;
}

static int is_over(double started) {
    if (events == 0) return 0;
    if (complete + lost >= connections) return 1;
    double at = now();
    if (first_sent == 0) return at > started + SILENCE_SECONDS;
    return at > first_sent + warmup + seconds + GRACE_SECONDS;
}

static void listen_to_all(int poll, int is_socketio) {
    struct epoll_event ready[512];
    double started = now();
    int is_said = 0;
    while (!is_over(started)) {
        int number = epoll_wait(poll, ready, 512, 50);
        for (int index = 0; index < number; index++) {
            struct connection *connection = ready[index].data.ptr;
            if (connection == NULL) return; /* The input has ended. */
            if (read_some(connection, is_socketio) == 0) continue;
            epoll_ctl(poll, EPOLL_CTL_DEL, connection->fd, NULL);
            lost++;
        }
        if (there == connections && !is_said) {
            is_said = 1;
            fprintf(stderr, "connected\n");
        }
    }
}

int main(int count, char **arguments) {
    if (count != 10) return fprintf(stderr, "see the top of load.c\n"), 2;
    const char *host = arguments[1], *path = arguments[5];
    int port = atoi(arguments[2]), is_socketio = !strcmp(arguments[4], "socketio");
    connections = atol(arguments[3]);
    key = arguments[6];
    key_bytes = strlen(key);
    tail_bytes = key_bytes + NUMBER_BYTES;
    if (tail_bytes > MAX_TAIL_BYTES) return fprintf(stderr, "KEY is too long\n"), 2;
    events = atol(arguments[7]), warmup = atof(arguments[8]), seconds = atof(arguments[9]);
    struct rlimit limit = {(rlim_t)connections + 64, (rlim_t)connections + 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    int poll = epoll_create1(0);
    for (long index = 0; index < connections; index++) {
        all[index].fd = open_connection(host, port);
        ask(all[index].fd, host, path, is_socketio);
        fcntl(all[index].fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[index]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, all[index].fd, &event) < 0) fail("epoll_ctl");
    }
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    if (events == 0 && epoll_ctl(poll, EPOLL_CTL_ADD, 0, &input) < 0) fail("epoll_ctl");
    listen_to_all(poll, is_socketio);
    printf("{\"deliveries\": %ld, \"complete\": %ld, \"repeated\": %ld, \"lost\": %ld, "
           "\"p50_ms\": %.1f, \"p99_ms\": %.1f, \"max_ms\": %.1f}\n",
           deliveries, complete, repeated, lost,
           percentile(0.5), percentile(0.99), percentile(0.999999));
    return 0;
}
