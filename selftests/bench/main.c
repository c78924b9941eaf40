// SPDX-License-Identifier: GPL-2.0
/*
 * Generator and sink for measuring what an appliance spends on a packet.
 *
 *   this module              appliance
 *   g0 ------- veth ------- eth0
 *
 * The generator sends what a load balancer sends from g0, a batch at a time;
 * all of a batch has come back before the next one goes. The sink takes what
 * arrives at g0, checks and counts it. For the generator's own cost the packets
 * are taken, with the same checks, where they arrive at eth0.
 *
 * Commands are lines written to debugfs gwlb-bench/run by a process in the
 * namespace of the device named; results are read from the same open file.
 *
 *   drop dev=eth0		take packets at eth0, until the file is closed
 *   turn dev=eth0		send them back from there instead
 *   send dev=g0 to=MAC ...	send, and wait for the end; see struct gen.
 *				Several in one write send at the same time.
 *   wait			first in a write: its "send" waits for the next
 */
#include <linux/debugfs.h>
#include <linux/inet.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/checksum.h>
#include <net/net_namespace.h>
#include "bench.h"

#define GENS_MAX	8
/* Every which packet is compared to its last byte and has its sum verified */
#define THOROUGH	64

static const char * const expects[] = {
	"bounce", "forward", "drop", "geneve", "route"
};

static const char * const bads[] = {
	"outer", "port", "length", "sum", "geneve", "option", "inner", "ttl",
	"payload"
};

/* What one open file has */
struct bench {
	struct mutex lock;
	struct net_device *appliance;
	unsigned int count;
	struct gen *gens[GENS_MAX];
	char result[4096];
	size_t len;
};

/* Whose packets a CPU works on: they never change it */
static DEFINE_PER_CPU(struct gen *, here);

static unsigned int segments(const struct sk_buff *skb)
{
	return skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1;
}

static bool has_all(const struct gen *g)
{
	return READ_ONCE(g->back) + g->lost >= g->next;
}

static rx_handler_result_t sink(struct sk_buff **pskb)
{
	struct gen *g = this_cpu_read(here);
	struct sk_buff *skb = *pskb;
	enum bad bad;

	if (!g || skb->protocol != htons(ETH_P_IP))
		return RX_HANDLER_PASS;
	bad = g->check ? check(g, skb, !(g->skbs % THOROUGH)) : BADS;
	if (bad != BADS)
		g->bad[bad]++;
	g->skbs++;
	/* read by its thread, on this very CPU */
	WRITE_ONCE(g->back, g->back + segments(skb));
	if (has_all(g) && wq_has_sleeper(&g->all))
		wake_up(&g->all);
	consume_skb(skb);
	return RX_HANDLER_CONSUMED;
}

/* Nothing that sends a packet back does less, whatever else it does */
static rx_handler_result_t turn(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct ethhdr *eth;
	u8 addr[ETH_ALEN];

	if (!this_cpu_read(here) || skb->protocol != htons(ETH_P_IP))
		return RX_HANDLER_PASS;
	eth = skb_push(skb, ETH_HLEN);
	ether_addr_copy(addr, eth->h_dest);
	ether_addr_copy(eth->h_dest, eth->h_source);
	ether_addr_copy(eth->h_source, addr);
	dev_queue_xmit(skb);
	return RX_HANDLER_CONSUMED;
}

/* ---- generator */

static int send_batch(struct gen *g, unsigned int n)
{
	struct netdev_queue *txq;
	struct sk_buff *skb;
	int queue, err = 0;

	local_bh_disable();
	queue = smp_processor_id() % g->dev->real_num_tx_queues;
	txq = netdev_get_tx_queue(g->dev, queue);
	while (n--) {
		skb = build(g, g->next);
		if (!skb) {
			err = -ENOMEM;
			break;
		}
		g->next++;
		skb_set_queue_mapping(skb, queue);
		netdev_start_xmit(skb, g->dev, txq, n);
	}
	local_bh_enable();
	return err;
}

/* Softirqs have mostly run before this is called; ksoftirqd, which has what they
 * left, gets the CPU at once
 */
static void await(struct gen *g)
{
	if (!wait_event_timeout(g->all, has_all(g), HZ / 5))
		g->lost = g->next - READ_ONCE(g->back);
}

static void send(struct gen *g, unsigned int packets)
{
	u64 end = g->next + packets;

	while (g->next < end && !g->err) {
		g->err = send_batch(g, min_t(u64, g->batch, end - g->next));
		await(g);
		cond_resched();
	}
}

static int generate(void *data)
{
	struct gen *g = data;
	u64 start;

	this_cpu_write(here, g);
	send(g, g->warm);
	/* what has gone through is what counts */
	g->next -= g->lost;
	g->lost = 0;
	g->next = g->back = g->skbs = 0;
	memset(g->bad, 0, sizeof(g->bad));

	wait_for_completion(g->start);
	start = ktime_get_ns();
	send(g, g->packets);
	g->ns = ktime_get_ns() - start;
	this_cpu_write(here, NULL);
	complete(&g->done);
	return 0;
}

/* ---- commands */

static int attach(struct net_device *dev, rx_handler_func_t *handler)
{
	int err;

	rtnl_lock();
	err = netdev_rx_handler_register(dev, handler, NULL);
	rtnl_unlock();
	return err;
}

static void detach(struct net_device *dev)
{
	rtnl_lock();
	netdev_rx_handler_unregister(dev);
	rtnl_unlock();
	dev_put(dev);
}

static void gen_free(struct gen *g)
{
	if (g->dev)
		detach(g->dev);
	kvfree(g);
}

static int device(const char *name, struct net_device **dev,
		  rx_handler_func_t *handler)
{
	int err;

	if (*dev)
		return -EBUSY;
	*dev = dev_get_by_name(current->nsproxy->net_ns, name);
	if (!*dev)
		return -ENODEV;
	err = attach(*dev, handler);
	if (err) {
		dev_put(*dev);
		*dev = NULL;
	}
	return err;
}

static int number(const char *value, unsigned int min, unsigned int max,
		  unsigned int *to)
{
	int err = kstrtouint(value, 0, to);

	if (!err && (*to < min || *to > max))
		err = -ERANGE;
	return err;
}

static int gen_word(struct gen *g, const char *key, const char *value)
{
	unsigned int cpu;
	int i;

	if (!strcmp(key, "dev"))
		return device(value, &g->dev, sink);
	if (!strcmp(key, "to"))
		return sscanf(value, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", g->to,
			      g->to + 1, g->to + 2, g->to + 3, g->to + 4,
			      g->to + 5) == 6 ? 0 : -EINVAL;
	if (!strcmp(key, "src"))
		return in4_pton(value, -1, (u8 *)&g->src, -1, NULL) ? 0 : -EINVAL;
	if (!strcmp(key, "dst"))
		return in4_pton(value, -1, (u8 *)&g->dst, -1, NULL) ? 0 : -EINVAL;
	if (!strcmp(key, "cpu")) {
		i = number(value, 0, nr_cpu_ids - 1, &cpu);
		if (i || !cpu_online(cpu))
			return -ENXIO;
		g->cpu = cpu;
		return 0;
	}
	if (!strcmp(key, "flows"))
		return number(value, 1, 1 << 20, &g->flows);
	if (!strcmp(key, "payload"))
		return number(value, 0, PAYLOAD_MAX, &g->payload);
	if (!strcmp(key, "packets"))
		return number(value, 1, UINT_MAX, &g->packets);
	if (!strcmp(key, "warm"))
		return number(value, 0, UINT_MAX, &g->warm);
	if (!strcmp(key, "batch"))
		return number(value, 1, 256, &g->batch);
	if (!strcmp(key, "train"))
		return number(value, 0, 256, &g->train);
	if (!strcmp(key, "check"))
		return number(value, 0, 1, &g->check);
	if (!strcmp(key, "expect")) {
		i = match_string(expects, ARRAY_SIZE(expects), value);
		if (i < 0)
			return i;
		g->expect = i;
		return 0;
	}
	return -EINVAL;
}

static int gen_parse(struct bench *b, char *words)
{
	char *word, *key;
	struct gen *g;
	int err = 0;
	unsigned int i;

	if (b->count == GENS_MAX)
		return -E2BIG;
	g = kvzalloc(sizeof(*g), GFP_KERNEL);
	if (!g)
		return -ENOMEM;
	b->gens[b->count++] = g;
	init_waitqueue_head(&g->all);
	g->flows = 1;
	g->payload = 18;
	g->packets = 100000;
	g->batch = 64;
	g->check = 1;
	while (!err && (word = strsep(&words, " "))) {
		if (!*word)
			continue;
		key = strsep(&word, "=");
		err = word ? gen_word(g, key, word) : -EINVAL;
		if (err)
			pr_err("gwlb_bench: %s: error %d\n", key, -err);
	}
	if (!err && (!g->dev || !g->src || !g->dst || is_zero_ether_addr(g->to)))
		err = -EINVAL;
	for (i = 0; i < g->payload; i++)
		g->bytes[i] = i;
	g->sum = csum_partial(g->bytes, g->payload, 0);
	return err;
}

static void report(struct bench *b, const struct gen *g)
{
	u64 bad = 0;
	int i;

	b->len += scnprintf(b->result + b->len, sizeof(b->result) - b->len,
			    "dev=%s sent=%llu returned=%llu skbs=%llu lost=%llu ns=%llu",
			    g->dev->name, g->next, g->back, g->skbs, g->lost, g->ns);
	for (i = 0; i < BADS; i++) {
		bad += g->bad[i];
		if (g->bad[i])
			b->len += scnprintf(b->result + b->len,
					    sizeof(b->result) - b->len,
					    " bad_%s=%llu", bads[i], g->bad[i]);
	}
	b->len += scnprintf(b->result + b->len, sizeof(b->result) - b->len,
			    " bad=%llu\n", bad);
}

static int run(struct bench *b)
{
	struct completion start;
	struct task_struct *task;
	unsigned int i, n;
	int err = 0;

	init_completion(&start);
	for (n = 0; n < b->count; n++) {
		struct gen *g = b->gens[n];

		g->start = &start;
		init_completion(&g->done);
		task = kthread_create(generate, g, "gwlb_bench/%d", g->cpu);
		if (IS_ERR(task)) {
			err = PTR_ERR(task);
			break;
		}
		kthread_bind(task, g->cpu);
		wake_up_process(task);
	}
	complete_all(&start);
	for (i = 0; i < n; i++) {
		wait_for_completion(&b->gens[i]->done);
		if (b->gens[i]->err)
			err = b->gens[i]->err;
		report(b, b->gens[i]);
	}
	return err;
}

static void gens_free(struct bench *b)
{
	while (b->count)
		gen_free(b->gens[--b->count]);
}

static int commands(struct bench *b, char *text)
{
	bool wait = false;
	char *line, *key;
	int err = 0;

	while (!err && (line = strsep(&text, "\n"))) {
		key = strsep(&line, " ");
		if (!*key)
			continue;
		if (!strcmp(key, "wait"))
			wait = true;
		else if (!strcmp(key, "send") && line)
			err = gen_parse(b, line);
		else if (!strcmp(key, "drop") && line && !strncmp(line, "dev=", 4))
			err = device(line + 4, &b->appliance, sink);
		else if (!strcmp(key, "turn") && line && !strncmp(line, "dev=", 4))
			err = device(line + 4, &b->appliance, turn);
		else
			err = -EINVAL;
	}
	if (!err && wait)
		return 0;
	if (!err && b->count)
		err = run(b);
	gens_free(b);
	return err;
}

static ssize_t bench_write(struct file *file, const char __user *from,
			   size_t len, loff_t *pos)
{
	struct bench *b = file->private_data;
	char *text;
	int err;

	if (len > PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&b->lock);
	b->len = 0;
	/* where the result is read from */
	*pos = 0;
	err = commands(b, text);
	mutex_unlock(&b->lock);
	kfree(text);
	return err ?: len;
}

static ssize_t bench_read(struct file *file, char __user *to, size_t len,
			  loff_t *pos)
{
	struct bench *b = file->private_data;
	ssize_t n;

	mutex_lock(&b->lock);
	n = simple_read_from_buffer(to, len, pos, b->result, b->len);
	mutex_unlock(&b->lock);
	return n;
}

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench *b = kvzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return -ENOMEM;
	mutex_init(&b->lock);
	file->private_data = b;
	return 0;
}

static int bench_release(struct inode *inode, struct file *file)
{
	struct bench *b = file->private_data;

	gens_free(b);
	if (b->appliance)
		detach(b->appliance);
	kvfree(b);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.read = bench_read,
	.write = bench_write,
};

static struct dentry *dir;

static int __init bench_init(void)
{
	dir = debugfs_create_dir("gwlb-bench", NULL);
	debugfs_create_file("run", 0600, dir, NULL, &bench_fops);
	return PTR_ERR_OR_ZERO(dir);
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(dir);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Generator and sink of GENEVE packets, for measuring gwlb");
MODULE_LICENSE("GPL");
