/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/routes.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "util/text.h"
#include "util/timer.h"

/* The kernel reports all added and removed routes, except IPv4 routes removed with their device or address,
 * and drops messages that it cannot deliver. So a message only means that something changed, and then all
 * routes are queried. A checksum of the relevant attributes of default routes shows whether one is new. */

#define BUFFER_SIZE 32768
#define WAIT_USEC   (300 * USEC_PER_MSEC) /* routes change in bursts: query them once afterwards */

struct Network {
    NetworkChanged changed;
    void *userdata;
    int fd;
    sd_event_source *io, *timer;
    bool known, has_way, dumping, again;
    uint64_t sum;    /* of the default routes */
    bool dumped_way; /* of the dump in progress */
    uint64_t dumped_sum;
    uint32_t sequence, port;
};

static int ask(Network *n)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } request = {
        .header = { .nlmsg_len = sizeof(request),
                    .nlmsg_type = RTM_GETROUTE,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                    .nlmsg_seq = ++n->sequence },
        .route = { .rtm_family = AF_UNSPEC },
    };
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

    n->dumping = true;
    n->again = false;
    n->dumped_way = false;
    n->dumped_sum = 0;
    return sendto(n->fd, &request, sizeof(request), MSG_DONTWAIT, (const struct sockaddr *)&kernel,
                  sizeof(kernel)) < 0
               ? -errno
               : 0;
}

static void ask_soon(Network *n)
{
    if (!timer_is_armed(n->timer))
        (void)timer_arm(n->timer, WAIT_USEC);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Network *n = userdata;

    if (n->dumping)
        n->again = true;
    else if (ask(n) < 0)
        n->dumping = false;
    return 0;
}

static void take_dump(Network *n)
{
    bool better = n->dumped_way && (!n->has_way || n->dumped_sum != n->sum), known = n->known;

    n->dumping = false;
    n->known = true;
    n->has_way = n->dumped_way;
    n->sum = n->dumped_sum;
    if (known && better)
        n->changed(n->userdata);
    if (n->again)
        ask_soon(n);
}

/* The target, independent of the order of routes. */
static uint64_t sum_of(struct nlmsghdr *h)
{
    struct rtmsg *route = NLMSG_DATA(h);
    struct rtattr *a = RTM_RTA(route);
    uint64_t sum = route->rtm_family;
    unsigned left = (unsigned)RTM_PAYLOAD(h);

    for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == RTA_GATEWAY || a->rta_type == RTA_OIF || a->rta_type == RTA_VIA)
            sum = bytes_hash(RTA_DATA(a), RTA_PAYLOAD(a), sum);
    return sum;
}

static bool is_default_route(struct nlmsghdr *h)
{
    const struct rtmsg *route = NLMSG_DATA(h);

    return h->nlmsg_type == RTM_NEWROUTE && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)) &&
           (route->rtm_family == AF_INET || route->rtm_family == AF_INET6) && route->rtm_dst_len == 0 &&
           route->rtm_type == RTN_UNICAST && !(route->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN));
}

/* A full routing table changes all the time. */
static bool may_matter(struct nlmsghdr *h)
{
    const struct rtmsg *route = NLMSG_DATA(h);
    bool is_route = h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE;

    return h->nlmsg_type >= RTM_BASE &&
           (!is_route || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)) || route->rtm_dst_len == 0);
}

static void take_message(Network *n, struct nlmsghdr *h)
{
    bool dumped = n->dumping && h->nlmsg_seq == n->sequence && h->nlmsg_pid == n->port;

    if (dumped && h->nlmsg_type == NLMSG_DONE)
        take_dump(n);
    else if (dumped && h->nlmsg_type == NLMSG_ERROR) {
        n->dumping = false;
        ask_soon(n);
    } else if (dumped && is_default_route(h)) {
        n->dumped_way = true;
        n->dumped_sum += sum_of(h);
    } else if (!dumped && may_matter(h))
        ask_soon(n);
}

static int on_io(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_SIZE];
    struct sockaddr_nl from = {};
    socklen_t from_size = sizeof(from);
    ssize_t size = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
    struct nlmsghdr *h = (struct nlmsghdr *)(void *)buffer;
    Network *n = userdata;

    if (size < 0 && errno == ENOBUFS) { /* messages were lost */
        n->dumping = false;
        ask_soon(n);
    }
    if (size < 0 || from.nl_pid != 0) /* not sent by the kernel */
        return 0;
    for (unsigned left = (unsigned)size; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
        take_message(n, h);
    return 0;
}

static int open_socket(Network *n)
{
    const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
                                         .nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_LINK |
                                                      RTMGRP_IPV4_IFADDR };
    struct sockaddr_nl own = {};
    socklen_t own_size = sizeof(own);

    n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (n->fd < 0)
        return -errno;
    if (bind(n->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(n->fd, (struct sockaddr *)&own, &own_size) < 0)
        return -errno;
    n->port = own.nl_pid;
    return 0;
}

int network_new(sd_event *event, NetworkChanged changed, void *userdata, Network **ret)
{
    _cleanup_(network_freep) Network *n = calloc(1, sizeof(Network));
    int r;

    if (!n)
        return -ENOMEM;
    *n = (Network){ .changed = changed, .userdata = userdata, .fd = -EBADF };
    r = open_socket(n);
    if (r >= 0)
        r = sd_event_add_io(event, &n->io, n->fd, EPOLLIN, on_io, n);
    if (r >= 0)
        r = timer_add(event, &n->timer, CLOCK_MONOTONIC, 1, on_timer, n);
    if (r >= 0)
        r = ask(n);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(n);
    return 0;
}

Network *network_free(Network *n)
{
    if (!n)
        return NULL;
    sd_event_source_disable_unref(n->io);
    sd_event_source_disable_unref(n->timer);
    if (n->fd >= 0)
        close(n->fd);
    free(n);
    return NULL;
}

bool network_has_default_route(const Network *n)
{
    return !n || !n->known || n->has_way;
}
