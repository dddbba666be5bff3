/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * far PORT TARGET MILLISECONDS FILE: a server on 127.0.0.1:TARGET, as seen from MILLISECONDS of round-trip
 * time away, at 127.0.0.1:PORT. FILE always holds the number of connections so far.
 *
 * Each way, everything is held back for half of that time. What a client sends first is held back for a whole
 * one more, because the handshake of TCP, which ends here at once, would have taken that. Nothing is ever
 * lost, and as much is under way as there is. With 0 milliseconds it only counts.
 */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 256
#define READ_SIZE 65536

typedef struct Chunk {
    struct Chunk *next;
    double due;
    size_t size, sent;
    char data[];
} Chunk;

/* What goes from one socket to the other. An empty chunk is the end of it. */
typedef struct Way {
    int from, to;
    Chunk *first, *last;
    double extra; /* milliseconds more, for the first chunk */
    bool ended;   /* there is nothing more to read */
    bool closed;  /* all was written, and the end of it */
} Way;

typedef struct Pair {
    Way up, down;
} Pair;

typedef struct Far {
    int listener, file, target;
    double delay; /* milliseconds, each way */
    Pair pairs[PAIRS_MAX];
    size_t n_pairs;
    long connections;
} Far;

__attribute__((noreturn)) static void fatal(const char *what)
{
    fprintf(stderr, "far: %s: %s.\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void far_count(Far *f)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "%ld\n", f->connections);

    if (pwrite(f->file, text, (size_t)size, 0) != size)
        fatal("Writing the count");
}

static void set_options(int fd)
{
    int yes = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        fatal("Preparing a connection");
}

static void far_accept(Far *f)
{
    struct sockaddr_in address = loopback(f->target);
    int client = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC), server;

    if (client < 0)
        return;
    f->connections++;
    far_count(f);
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0)
        fatal("Making a socket");
    if (connect(server, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(server);
        close(client);
        return;
    }
    set_options(client);
    set_options(server);
    f->pairs[f->n_pairs++] = (Pair){
        .up = { .from = client, .to = server, .extra = 2 * f->delay },
        .down = { .from = server, .to = client },
    };
}

static void way_read(Way *w, double delay)
{
    static char data[READ_SIZE];
    ssize_t n = recv(w->from, data, sizeof(data), 0);
    Chunk *c;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    w->ended = n <= 0;
    c = (Chunk *)malloc(sizeof(Chunk) + READ_SIZE);
    if (!c)
        fatal("Reading");
    *c = (Chunk){ .due = now_ms() + delay + w->extra, .size = n > 0 ? (size_t)n : 0 };
    w->extra = 0;
    memcpy(c->data, data, c->size);
    if (w->first && w->last->due > c->due)
        c->due = w->last->due;
    *(w->first ? &w->last->next : &w->first) = c;
    w->last = c;
}

static void way_drop(Way *w)
{
    Chunk *c = w->first;

    w->first = c->next;
    free(c);
}

/* Writes what is due; false when the other side does not take it at the moment. */
static bool way_write(Way *w)
{
    ssize_t n;

    while (w->first && w->first->due <= now_ms()) {
        if (w->first->size == 0) {
            shutdown(w->to, SHUT_WR);
            w->closed = true;
        } else {
            n = send(w->to, w->first->data + w->first->sent, w->first->size - w->first->sent, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN)
                return false;
            w->first->sent += n > 0 ? (size_t)n : w->first->size - w->first->sent;
            if (w->first->sent < w->first->size)
                continue;
        }
        way_drop(w);
    }
    return true;
}

/* What is left of the timeout of poll; what is not taken is not waited for. */
static int way_left(const Way *w, bool taken, int timeout)
{
    double left;

    if (!w->first || !taken)
        return timeout;
    left = w->first->due - now_ms();
    if (left <= 0)
        return 0;
    return timeout < 0 || left < timeout ? (int)left + 1 : timeout;
}

static void far_close_pairs(Far *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n_pairs; i++)
        if (f->pairs[i].up.closed && f->pairs[i].down.closed) {
            close(f->pairs[i].up.from);
            close(f->pairs[i].up.to);
        } else
            f->pairs[kept++] = f->pairs[i];
    f->n_pairs = kept;
}

static void far_run(Far *f)
{
    static struct pollfd polls[1 + 2 * PAIRS_MAX];
    size_t n;
    int timeout;

    for (;;) {
        timeout = -1;
        polls[0] = (struct pollfd){ .fd = f->n_pairs < PAIRS_MAX ? f->listener : -1, .events = POLLIN };
        for (size_t i = 0; i < f->n_pairs; i++) {
            Way *up = &f->pairs[i].up, *down = &f->pairs[i].down;
            bool up_taken = way_write(up), down_taken = way_write(down);

            polls[1 + 2 * i] =
                (struct pollfd){ .fd = up->from,
                                 .events = (short)((up->ended ? 0 : POLLIN) | (down_taken ? 0 : POLLOUT)) };
            polls[2 + 2 * i] =
                (struct pollfd){ .fd = down->from,
                                 .events = (short)((down->ended ? 0 : POLLIN) | (up_taken ? 0 : POLLOUT)) };
            for (size_t k = 1; k <= 2; k++)
                if (!polls[k + 2 * i].events)
                    polls[k + 2 * i].fd = -1;
            timeout = way_left(down, down_taken, way_left(up, up_taken, timeout));
        }
        n = f->n_pairs;
        if (poll(polls, 1 + 2 * n, timeout) < 0 && errno != EINTR)
            fatal("poll");
        for (size_t i = 0; i < n; i++) {
            if (polls[1 + 2 * i].revents && !f->pairs[i].up.ended)
                way_read(&f->pairs[i].up, f->delay);
            if (polls[2 + 2 * i].revents && !f->pairs[i].down.ended)
                way_read(&f->pairs[i].down, f->delay);
        }
        if (polls[0].revents)
            far_accept(f);
        far_close_pairs(f);
    }
}

int main(int argc, char *argv[])
{
    static Far far;
    struct sockaddr_in address;
    int yes = 1;

    if (argc != 5) {
        fputs("Usage: far PORT TARGET MILLISECONDS FILE\n", stderr);
        return EXIT_FAILURE;
    }
    address = loopback(atoi(argv[1]));
    far.target = atoi(argv[2]);
    far.delay = strtod(argv[3], NULL) / 2;
    far.file = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (far.file < 0)
        fatal(argv[4]);
    far.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (far.listener < 0 || setsockopt(far.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(far.listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(far.listener, 128) < 0)
        fatal("Listening");
    far_count(&far);
    far_run(&far);
    return EXIT_SUCCESS;
}
