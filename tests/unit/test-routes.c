/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "net/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUIET  (900 * 1000ULL) /* some times the pause before the routes are asked for */
#define DEVICE "test0"
#define PEER   "veth0" /* what the other end is called by the kernel */

/* A message to the kernel, which grows. */
typedef struct Message {
    _Alignas(struct nlmsghdr) uint8_t bytes[512];
} Message;

static struct nlmsghdr *message_init(Message *q, int type, int flags, const void *head, size_t size)
{
    struct nlmsghdr *h = (struct nlmsghdr *)(void *)q->bytes;

    *q = (Message){};
    h->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    h->nlmsg_type = (uint16_t)type;
    h->nlmsg_flags = (uint16_t)flags;
    memcpy(NLMSG_DATA(h), head, size);
    return h;
}

static struct rtattr *message_add(struct nlmsghdr *h, int type, const void *data, size_t size)
{
    struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)h + NLMSG_ALIGN(h->nlmsg_len));

    a->rta_type = (uint16_t)type;
    a->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0)
        memcpy(RTA_DATA(a), data, size);
    h->nlmsg_len = (uint32_t)(NLMSG_ALIGN(h->nlmsg_len) + RTA_ALIGN(a->rta_len));
    return a;
}

static int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* What the kernel says to it. */
static int netlink_call(struct nlmsghdr *h)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } reply;
    int fd = netlink_open();

    h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    g_assert_cmpint(send(fd, h, h->nlmsg_len, 0), ==, h->nlmsg_len);
    g_assert_cmpint(recv(fd, &reply, sizeof(reply), 0), >=, (ssize_t)sizeof(reply));
    g_assert_cmpint(reply.header.nlmsg_type, ==, NLMSG_ERROR);
    close(fd);
    return reply.error.error;
}

/* ---- a network of the test's own */

static int add_device(const char *kind)
{
    const struct ifinfomsg link = { .ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    struct nlmsghdr *h;
    struct rtattr *info;
    Message q;

    h = message_init(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    message_add(h, IFLA_IFNAME, DEVICE, sizeof(DEVICE));
    info = message_add(h, IFLA_LINKINFO, NULL, 0);
    message_add(h, IFLA_INFO_KIND, kind, strlen(kind));
    info->rta_len = (uint16_t)((uint8_t *)h + h->nlmsg_len - (uint8_t *)info);
    return netlink_call(h);
}

static int set_up(int device, bool up)
{
    const struct ifinfomsg link = { .ifi_index = device,
                                    .ifi_flags = up ? IFF_UP : 0,
                                    .ifi_change = IFF_UP };
    Message q;

    return netlink_call(message_init(&q, RTM_NEWLINK, 0, &link, sizeof(link)));
}

/* Why there is none; NULL: there is. */
static const char *network_enter(void)
{
    static const char *const kinds[] = { "veth", "dummy", "ifb" };

    if (geteuid() != 0)
        return "only root can have a network of its own";
    if (unshare(CLONE_NEWNET) < 0 || set_up(1, true) < 0)
        return "there can be no network of its own here";
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (add_device(kinds[i]) == 0)
            return i > 0 || set_up((int)if_nametoindex(PEER), true) == 0 ? NULL : "its device stays down";
    return "no device can be made in a network of its own";
}

typedef struct Route {
    const char *to; /* NULL: anywhere */
    const char *gateway;
    uint8_t bits; /* of to */
    uint8_t type; /* 0: RTN_UNICAST */
    uint32_t metric;
} Route;

static size_t address_of(const char *text, uint8_t bytes[static 16])
{
    bool six = strchr(text, ':');

    g_assert_cmpint(inet_pton(six ? AF_INET6 : AF_INET, text, bytes), ==, 1);
    return six ? 16 : 4;
}

static struct nlmsghdr *route_message(const Route *r, Message *q, int type, int flags)
{
    bool six = (r->to && strchr(r->to, ':')) || (r->gateway && strchr(r->gateway, ':'));
    const struct rtmsg head = {
        .rtm_family = six ? AF_INET6 : AF_INET,
        .rtm_dst_len = r->bits,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = r->type ? r->type : RTN_UNICAST,
        .rtm_flags = r->gateway && !six ? RTNH_F_ONLINK : 0,
    };
    struct nlmsghdr *h = message_init(q, type, flags, &head, sizeof(head));
    int device = (int)if_nametoindex(DEVICE);
    uint8_t bytes[16];

    if (r->to)
        message_add(h, RTA_DST, bytes, address_of(r->to, bytes));
    if (r->gateway)
        message_add(h, RTA_GATEWAY, bytes, address_of(r->gateway, bytes));
    if (head.rtm_type == RTN_UNICAST)
        message_add(h, RTA_OIF, &device, sizeof(device));
    if (r->metric > 0)
        message_add(h, RTA_PRIORITY, &r->metric, sizeof(r->metric));
    return h;
}

static void route_change(const Route *r, int type, int flags)
{
    Message q;

    g_assert_cmpint(netlink_call(route_message(r, &q, type, flags)), ==, 0);
}

static void route_add(const Route *r)
{
    route_change(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

static void route_remove(const Route *r)
{
    route_change(r, RTM_DELROUTE, 0);
}

static void add_many(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *to = g_strdup_printf("10.%u.%u.0", i / 256, i % 256);

        route_add(&(Route){ .to = to, .bits = 24, .gateway = "192.0.2.9" });
    }
}

static const Route way = { .gateway = "192.0.2.1" }, other_way = { .gateway = "192.0.2.2" },
                   way6 = { .gateway = "fe80::1" };

/* ---- one who watches */

typedef struct Watcher {
    sd_event *event;
    Network *network;
    unsigned n_changed;
} Watcher;

static void on_changed(void *userdata)
{
    ((Watcher *)userdata)->n_changed++;
}

static void watcher_init(Watcher *w)
{
    *w = (Watcher){};
    g_assert_cmpint(sd_event_new(&w->event), ==, 0);
    g_assert_cmpint(network_new(w->event, on_changed, w, &w->network), ==, 0);
}

static void watcher_done(Watcher *w)
{
    network_free(w->network);
    sd_event_unref(w->event);
}
#define _cleanup_watcher_ _cleanup_(watcher_done)

static bool has_way(void *userdata)
{
    return network_has_default_route(((Watcher *)userdata)->network);
}

static bool has_no_way(void *userdata)
{
    return !has_way(userdata);
}

static void check(Watcher *w, bool way_is_there, unsigned n_changed)
{
    loop_until(w->event, way_is_there ? has_way : has_no_way, w);
    loop_for(w->event, QUIET);
    g_assert_cmpint(network_has_default_route(w->network), ==, way_is_there);
    g_assert_cmpuint(w->n_changed, ==, n_changed);
}

#define ENTER_OR_SKIP() \
    const char *why_not = network_enter(); \
    if (why_not) { \
        g_test_skip(why_not); \
        return; \
    }

static void test_comes_and_goes(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    watcher_init(&w);
    g_assert_true(network_has_default_route(w.network)); /* not known yet */
    check(&w, false, 0);
    route_add(&way);
    check(&w, true, 1);
    route_remove(&way);
    check(&w, false, 1);
    route_add(&way);
    check(&w, true, 2);
}

/* What was there before is no change. */
static void test_there_before(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    route_add(&way);
    watcher_init(&w);
    check(&w, true, 0);
    route_remove(&way);
    check(&w, false, 0);
}

static void test_unknown(void)
{
    g_assert_true(network_has_default_route(NULL));
    g_assert_null(network_free(NULL));
}

static void test_no_ways(void)
{
    static const Route none[] = {
        { .type = RTN_UNREACHABLE },
        { .type = RTN_BLACKHOLE, .metric = 2 },
        { .type = RTN_PROHIBIT, .metric = 3 },
        { .to = "::", .type = RTN_UNREACHABLE, .metric = 4 },
        { .to = "10.0.0.0", .bits = 8, .gateway = "192.0.2.1" },
        { .to = "2001:db8::", .bits = 32, .gateway = "fe80::1" },
    };
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    for (size_t i = 0; i < ELEMENTSOF(none) / 2; i++)
        route_add(none + i);
    watcher_init(&w);
    check(&w, false, 0);
    for (size_t i = ELEMENTSOF(none) / 2; i < ELEMENTSOF(none); i++)
        route_add(none + i);
    check(&w, false, 0);
    route_add(&(Route){ .gateway = "192.0.2.1", .metric = 100 });
    check(&w, true, 1);
}

static void test_ipv6(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    watcher_init(&w);
    check(&w, false, 0);
    route_add(&way6);
    check(&w, true, 1);
    route_add(&way); /* one more is another way */
    check(&w, true, 2);
    route_remove(&way6);
    g_assert_true(network_has_default_route(w.network));
}

static void test_other_gateway(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    route_add(&way);
    watcher_init(&w);
    check(&w, true, 0);
    route_change(&other_way, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    check(&w, true, 1);
    route_remove(&other_way); /* the same again, in a moment: as a lease that is renewed */
    route_add(&other_way);
    check(&w, true, 1);
    route_change(&way, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    check(&w, true, 2);
}

/* The kernel does not tell of the routes of IPv4 that go with their device. */
static void test_device_down(void)
{
    _cleanup_watcher_ Watcher w = {};
    int device;
    ENTER_OR_SKIP()

    device = (int)if_nametoindex(DEVICE);
    route_add(&way);
    watcher_init(&w);
    check(&w, true, 0);
    g_assert_cmpint(set_up(device, false), ==, 0);
    check(&w, false, 0);
    g_assert_cmpint(set_up(device, true), ==, 0);
    check(&w, false, 0);
    route_add(&way);
    check(&w, true, 1);
}

/* As when a cable is pulled out: the route stays. */
static void test_carrier_lost(void)
{
    _cleanup_watcher_ Watcher w = {};
    int peer;
    ENTER_OR_SKIP()

    peer = (int)if_nametoindex(PEER);
    if (peer == 0) {
        g_test_skip("there is no device with two ends here");
        return;
    }
    route_add(&way);
    watcher_init(&w);
    check(&w, true, 0);
    g_assert_cmpint(set_up(peer, false), ==, 0);
    check(&w, false, 0);
    g_assert_cmpint(set_up(peer, true), ==, 0);
    check(&w, true, 1);
}

/* Those of a moment are told of together. */
static void test_flaps(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    watcher_init(&w);
    check(&w, false, 0);
    for (int i = 0; i < 10; i++) {
        route_add(&way);
        route_remove(&way);
    }
    check(&w, false, 0);
    for (int i = 0; i < 10; i++) {
        route_add(&way);
        route_remove(&way);
    }
    route_add(&other_way);
    check(&w, true, 1);
}

/* Other routes that come and go all the time, as on a router, do not put it off. */
static void test_busy(void)
{
    static const Route other = { .to = "198.51.100.0", .bits = 24, .gateway = "192.0.2.9" };
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    watcher_init(&w);
    check(&w, false, 0);
    route_add(&way);
    for (int i = 0; i < 100 && w.n_changed == 0; i++) {
        route_add(&other);
        loop_for(w.event, 10000);
        route_remove(&other);
        loop_for(w.event, 10000);
    }
    g_assert_cmpuint(w.n_changed, ==, 1);
    check(&w, true, 1);
}

/* The answer of the kernel comes in several messages, and the way is in none or one of them. */
static void test_many(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    add_many(1000);
    watcher_init(&w);
    check(&w, false, 0);
    route_add(&way);
    check(&w, true, 1);
    route_remove(&way);
    check(&w, false, 1);
}

/* More comes than the socket takes while nobody reads. */
static void test_lost(void)
{
    _cleanup_watcher_ Watcher w = {};
    ENTER_OR_SKIP()

    watcher_init(&w);
    check(&w, false, 0);
    add_many(4000);
    route_add(&way);
    check(&w, true, 1);
    route_remove(&way);
    check(&w, false, 1);
}

/* In the middle of the kernel's answer to the second question somebody else tells of a way, and that this is all. */
static size_t forge(uint8_t *bytes, size_t size, uint32_t port)
{
    const int zero = 0;
    size_t n = 0;
    Message q;

    for (int i = 0; i < 2; i++) {
        struct nlmsghdr *h = i == 0 ? route_message(&way, &q, RTM_NEWROUTE, NLM_F_MULTI)
                                    : message_init(&q, NLMSG_DONE, NLM_F_MULTI, &zero, sizeof(zero));

        h->nlmsg_seq = 2;
        h->nlmsg_pid = port;
        g_assert_cmpuint(n + NLMSG_ALIGN(h->nlmsg_len), <=, size);
        memcpy(bytes + n, h, h->nlmsg_len);
        n += NLMSG_ALIGN(h->nlmsg_len);
    }
    return n;
}

static void test_others(void)
{
    const struct sockaddr_nl watcher = { .nl_family = AF_NETLINK, .nl_pid = (uint32_t)getpid() };
    _cleanup_watcher_ Watcher w = {};
    uint8_t forged[512];
    size_t size;
    gint64 end;
    int fd;
    ENTER_OR_SKIP()

    add_many(1000);
    watcher_init(&w);
    loop_until(w.event, has_no_way, &w);
    fd = netlink_open();
    size = forge(forged, sizeof(forged), watcher.nl_pid);
    route_add(&(Route){ .to = "198.51.100.0", .bits = 24, .gateway = "192.0.2.9" });
    end = g_get_monotonic_time() + (gint64)QUIET;
    while (g_get_monotonic_time() < end) {
        g_assert_cmpint(sendto(fd, forged, size, 0, (const struct sockaddr *)&watcher, sizeof(watcher)), ==,
                        size);
        g_assert_cmpint(sd_event_run(w.event, 10000), >=, 0);
        g_assert_false(network_has_default_route(w.network));
    }
    close(fd);
    check(&w, false, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/network/comes-and-goes", test_comes_and_goes);
    g_test_add_func("/network/there-before", test_there_before);
    g_test_add_func("/network/unknown", test_unknown);
    g_test_add_func("/network/no-ways", test_no_ways);
    g_test_add_func("/network/ipv6", test_ipv6);
    g_test_add_func("/network/other-gateway", test_other_gateway);
    g_test_add_func("/network/device-down", test_device_down);
    g_test_add_func("/network/carrier-lost", test_carrier_lost);
    g_test_add_func("/network/flaps", test_flaps);
    g_test_add_func("/network/busy", test_busy);
    g_test_add_func("/network/many", test_many);
    g_test_add_func("/network/lost", test_lost);
    g_test_add_func("/network/others", test_others);
    return g_test_run();
}
