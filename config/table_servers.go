// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/probe"
	"github.com/vigild/vigild/engine/vrrp"
)

// longest is the longest time that timers can hold; keepalived's are longer yet.
const longest = time.Duration(math.MaxInt64/1000) * time.Microsecond

const (
	forwardForm    = "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]"
	schedulerForm  = "rr|wrr|lc|wlc|lblc|lblcr|dh|sh|sed|nq|fo|ovf|mh|twos"
	persistDefault = 360
	persistMost    = 2678400
)

// timingKeywords stand in a virtual server and in its real servers; a checker takes them from there.
func timingKeywords(from string) []Keyword {
	return []Keyword{
		row("retry", "N", from, 'B', "How many more attempts a checker makes before a failure counts.", timed(1)),
		row("delay_before_retry", "SECONDS", from, 'B', "The time between these attempts.", span(0, longest, func(t *timing) *maybe[time.Duration] { return &t.retryDelay })),
		row("warmup", "SECONDS", from, 'C', "The longest time, taken at random, until the first check.", span(0, longest, func(t *timing) *maybe[time.Duration] { return &t.warmup })),
		row("connect_timeout", "SECONDS", from, 'B', "How long a connection may take, and each answer on it.", span(time.Microsecond, micros, func(t *timing) *maybe[time.Duration] { return &t.delayConnect })),
		row("delay_loop", "SECONDS", from, 'A', "The time between two checks.", span(time.Microsecond, longest, func(t *timing) *maybe[time.Duration] { return &t.delay })),
	}
}

// serviceKeywords are the rows of virtual_server.
var serviceKeywords = slices.Concat(timingKeywords("that of the kind of checker"), []Keyword{
	row("ip_family", "inet|inet6", "that of the addresses", 'B', "The family of a service by fwmark.", readFamily),
	row("inhibit_on_failure", "", "off", 'B', "Leaves a real server that failed in the table, with weight 0.", mark(func(b *builder) *bool { return &b.lvs.svc.inhibit })),
	row("lb_algo", schedulerForm, "wlc", 'A', "How the kernel chooses a real server for a connection.", readScheduler),
	old("lvs_sched", "lb_algo", schedulerForm, readScheduler),
	row("hashed", "", "off", 'D', "Asked for a hash, with the scheduler sh.", marked(func(s *serviceDraft) *opt[bool] { return &s.hashed })).inert("the scheduler sh has no such flag"),
	row("ops", "", "off", 'B', "Schedules each packet by itself; UDP only.", marked(func(s *serviceDraft) *opt[bool] { return &s.ops })),
	row("flag-1", "", "off", 'C', "Sets the first flag of the scheduler.", mark(func(b *builder) *bool { return &b.lvs.svc.flags[0] })),
	row("flag-2", "", "off", 'C', "Sets the second flag of the scheduler.", mark(func(b *builder) *bool { return &b.lvs.svc.flags[1] })),
	row("flag-3", "", "off", 'C', "Sets the third flag of the scheduler.", mark(func(b *builder) *bool { return &b.lvs.svc.flags[2] })),
	row("sh-port", "", "off", 'C', "The scheduler sh takes the port into its hash.", marked(func(s *serviceDraft) *opt[bool] { return &s.shFlags[0] })),
	row("sh-fallback", "", "off", 'C', "The scheduler sh takes another server where that of the hash is gone.", marked(func(s *serviceDraft) *opt[bool] { return &s.shFlags[1] })),
	row("mh-port", "", "off", 'C', "The scheduler mh takes the port into its hash.", marked(func(s *serviceDraft) *opt[bool] { return &s.mhFlags[0] })),
	row("mh-fallback", "", "off", 'C', "The scheduler mh takes another server where that of the hash is gone.", marked(func(s *serviceDraft) *opt[bool] { return &s.mhFlags[1] })),
	row("lb_kind", forwardForm, "NAT", 'A', "How packets reach the real servers.", forwards(func(b *builder) *maybe[forwarding] { return &b.lvs.svc.forward })),
	old("lvs_method", "lb_kind", forwardForm, forwards(func(b *builder) *maybe[forwarding] { return &b.lvs.svc.forward })),
	row("persistence_engine", "NAME", "", 'C', "What in a packet makes connections belong together, such as sip.", limited(16, func(b *builder, s string) { b.lvs.svc.engine = s })),
	row("persistence_timeout", "[SECONDS]", "off; 360 without a number", 'A', "How long a client stays with its real server.", readPersistence),
	row("persistence_granularity", "NETMASK|1..128", "255.255.255.255 or 128", 'B', "How many clients are taken for one; sets persistence too.", readGranularity),
	row("protocol", "TCP|UDP|SCTP", "UDP", 'A', "The protocol of the service.", readProtocol),
	row("ha_suspend", "", "off", 'B', "Checks only while the address of the service is on this machine.", mark(func(b *builder) *bool { return &b.lvs.svc.suspend })),
	row("smtp_alert", yesNo, "that of smtp_alert_checker, else off", 'B', "Whether changes of the quorum are mailed.", yes(func(b *builder) *maybe[bool] { return &b.lvs.svc.alert })),
	row("virtualhost", "NAME", "", 'B', "The name of the host that checkers ask for.", named(func(b *builder) *string { return &b.lvs.svc.virtualHost })),
	row("snmp_name", "NAME", "", 'C', "The name that SNMP shows.", text(func(b *builder, s string) { b.lvs.svc.snmpName = s })),
	row("alpha", "", "off", 'B', "Real servers count as down until they have been checked.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 0)
		b.lvs.svc.alpha = maybe[bool]{true, true}
		return same(k, n)
	}),
	row("omega", "", "off", 'B', "Tells at stop that everything goes down: notify_down and quorum_down run.", mark(func(b *builder) *bool { return &b.lvs.svc.omega })),
	row("quorum_up", scriptForm, "", 'B', "A program run when there are enough real servers.", command(func(b *builder) *notify.Script { return &b.lvs.svc.up })),
	row("quorum_down", scriptForm, "", 'B', "A program run when there are too few real servers.", command(func(b *builder) *notify.Script { return &b.lvs.svc.down })),
	row("quorum", "N", "1", 'B', "The sum of the weights of real servers that are up below which there are too few.", readQuorum),
	row("hysteresis", "N", "0", 'B', "How far beyond the quorum the sum must be for a change.", count(0, math.MaxUint32, func(b *builder) *opt[int64] { return &b.lvs.svc.hysteresis })),
	row("weight", "1..2147483647", "1", 'C', "The weight of real servers that say nothing of their own.", amount(1, math.MaxInt32, func(b *builder) *maybe[int64] { return &b.lvs.svc.weight })),
	row("sorry_server", "ADDRESS [PORT]", "", 'B', "Who answers while there are too few real servers.", readSorry),
	row("sorry_server_inhibit", "", "off", 'C', "Leaves real servers in the table, with weight 0, while the sorry server answers.", mark(func(b *builder) *bool { return &b.lvs.svc.sorryInhibit })),
	row("sorry_server_lvs_method", forwardForm, "that of lb_kind", 'C', "How packets reach the sorry server.", forwards(func(b *builder) *maybe[forwarding] { return &b.lvs.svc.sorryForward })),
	row("real_server", "ADDRESS [PORT] { ... }", "the port of the service", 'A', "A server that does the work.", readServer),
})

// serverKeywords are the rows of real_server.
var serverKeywords = slices.Concat(timingKeywords("that of the virtual server"), []Keyword{
	row("weight", "0..2147483647", "that of the virtual server", 'A', "How much of the work it is given.", amount(0, math.MaxInt32, func(b *builder) *maybe[int64] { return &b.lvs.rs.weight })),
	row("lvs_method", forwardForm, "that of lb_kind", 'B', "How packets reach this server.", forwards(func(b *builder) *maybe[forwarding] { return &b.lvs.rs.forward })),
	row("uthreshold", "N", "0", 'C', "From how many connections on it is given no more; 0 is no limit.", amount(0, math.MaxUint32, func(b *builder) *maybe[int64] { return &b.lvs.rs.upper })),
	row("lthreshold", "N", "0", 'C', "Below how many connections it is given some again.", amount(0, math.MaxUint32, func(b *builder) *maybe[int64] { return &b.lvs.rs.lower })),
	row("inhibit_on_failure", yesNo, "that of the virtual server", 'B', "Leaves it in the table when it failed, with weight 0.", yes(func(b *builder) *maybe[bool] { return &b.lvs.rs.inhibit })),
	row("notify_up", scriptForm, "", 'A', "A program run when it comes up.", command(func(b *builder) *notify.Script { return &b.lvs.rs.up })),
	row("notify_down", scriptForm, "", 'A', "A program run when it goes down.", command(func(b *builder) *notify.Script { return &b.lvs.rs.down })),
	row("alpha", yesNo, "that of the virtual server", 'C', "It counts as down until it has been checked.", yes(func(b *builder) *maybe[bool] { return &b.lvs.rs.alpha })),
	row("smtp_alert", yesNo, "that of smtp_alert_checker, else on", 'B', "Whether its changes are mailed.", yes(func(b *builder) *maybe[bool] { return &b.lvs.rs.alert })),
	row("virtualhost", "NAME", "that of the virtual server", 'C', "The name of the host that its checkers ask for.", named(func(b *builder) *string { return &b.lvs.rs.virtualHost })),
	row("snmp_name", "NAME", "", 'C', "The name that SNMP shows.", text(func(b *builder, s string) { b.lvs.rs.snmpName = s })),
})

// span takes seconds for the innermost block.
func span(lo, hi time.Duration, of func(*timing) *maybe[time.Duration]) reader {
	return duration(lo, hi, func(b *builder, v opt[time.Duration]) { *of(b.lvs.timing()) = maybe[time.Duration]{v.v, true} })
}

// timed takes the number of retries for the innermost block.
func timed(least int64) reader {
	return amount(least, math.MaxUint32, func(b *builder) *maybe[int64] { return &b.lvs.timing().retry })
}

// count takes a whole number into a field.
func count(lo, hi int64, field func(*builder) *opt[int64]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		return number(lo, hi, func(b *builder, v int64) { *field(b) = opt[int64]{v, true, n.Pos} })(b, k, n)
	}
}

// amount is count where the place does not matter.
func amount(lo, hi int64, field func(*builder) *maybe[int64]) reader {
	return number(lo, hi, func(b *builder, v int64) { *field(b) = maybe[int64]{v, true} })
}

// yes takes a boolean into a field.
func yes(field func(*builder) *maybe[bool]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		v, ok := b.boolean(n)
		if !ok {
			return nil
		}
		*field(b) = maybe[bool]{v, true}
		return same(k, n, onOff(v))
	}
}

// marked takes no value and notes the place.
func marked(field func(*serviceDraft) *opt[bool]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 0)
		*field(b.lvs.svc) = opt[bool]{true, true, n.Pos}
		return same(k, n)
	}
}

// named takes one word. compat: a missing one is no reason to end.
func named(field func(*builder) *string) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if len(n.Args) == 0 {
			b.err(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", n.Keyword+" "+k.Form)
			return nil
		}
		return text(func(b *builder, s string) { *field(b) = s })(b, k, n)
	}
}

func readFamily(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	d := b.lvs.svc
	return oneOf([]string{"inet", "inet6"}, func(b *builder, s string) {
		v := int64(4)
		if s == "inet6" {
			v = 6
		}
		if d.addr.IsValid() && int64(family(d.addr.Addr())) != v {
			b.err(n.Pos, RuleAddressFamily, "the address of the virtual server is not of the family "+s+"; it is ignored", "")
			return
		}
		d.family = opt[int64]{v, true, n.Pos}
	})(b, k, n)
}

func readScheduler(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return oneOf(strings.Split(schedulerForm, "|"), func(b *builder, s string) {
		b.lvs.svc.scheduler = opt[string]{s, true, n.Pos}
	})(b, k, n)
}

func readProtocol(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	word = strings.ToUpper(word)
	number, known := map[string]uint8{"TCP": 6, "UDP": 17, "SCTP": 132}[word]
	if !known {
		b.err(n.ArgPos(0), RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(word)+"'; it is ignored", k.Form)
		return nil
	}
	b.lvs.svc.protocol = opt[uint8]{number, true, n.Pos}
	return same(k, n, word)
}

// readQuorum takes the quorum. compat: one that is no number is 1.
func readQuorum(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	v, ok := b.integer(word, n.ArgPos(0), 1, math.MaxUint32)
	if !ok {
		v = 1
	}
	b.lvs.svc.quorum = opt[int64]{v, true, n.Pos}
	return same(k, n, strconv.FormatInt(v, 10))
}

func readPersistence(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	v := int64(persistDefault)
	if len(n.Args) > 0 {
		b.extra(n, 1)
		var ok bool
		if v, ok = b.integer(n.Args[0].Text, n.ArgPos(0), 1, persistMost); !ok {
			return nil
		}
	}
	b.lvs.svc.persistence = opt[time.Duration]{time.Duration(v) * second, true, n.Pos}
	return same(k, n, strconv.FormatInt(v, 10))
}

// readGranularity takes a netmask of IPv4, or a number of bits for IPv6.
func readGranularity(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	d := b.lvs.svc
	if a, err := netip.ParseAddr(word); err == nil && a.Is4() && (!d.addr.IsValid() || d.addr.Addr().Is4()) {
		m := a.As4()
		v := uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3])
		d.granularity = opt[int64]{int64(v), true, n.Pos}
		if bits.LeadingZeros32(^v) != bits.OnesCount32(v) {
			b.note(n.ArgPos(0), RuleBadAddress, "the netmask "+word+" has holes", "")
		}
		return same(k, n, word)
	}
	v, ok := b.integer(word, n.ArgPos(0), 1, 128)
	if !ok {
		return nil
	}
	if d.addr.IsValid() && d.addr.Addr().Is4() {
		// compat: for IPv4 keepalived takes a number for the mask itself, which nobody can have meant.
		if v > 32 {
			b.err(n.ArgPos(0), RuleOutOfRange, "'"+clip(word)+"' is not a netmask of IPv4; it is ignored", "NETMASK or 1..32")
			return nil
		}
		d.granularity = opt[int64]{int64(uint32(math.MaxUint32) << (32 - v)), true, n.Pos}
		return same(k, n, strconv.FormatInt(v, 10))
	}
	d.granularity = opt[int64]{v, true, n.Pos}
	return same(k, n, strconv.FormatInt(v, 10))
}

// readSorry reads the sorry server.
func readSorry(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	b.extra(n, 2)
	at, words, ok := b.endpoint(n)
	if !ok {
		return nil
	}
	b.lvs.svc.sorry = opt[netip.AddrPort]{at, true, n.Pos}
	return same(k, n, words...)
}

// forwards reads how packets are forwarded.
func forwards(field func(*builder) *maybe[forwarding]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if len(n.Args) == 0 {
			_, _ = b.value(k, n)
			return nil
		}
		f, ok := b.forwarding(n)
		if !ok {
			return nil
		}
		*field(b) = maybe[forwarding]{f, true}
		return same(k, n, f.words()...)
	}
}

func (b *builder) forwarding(n *syntax.Node) (f forwarding, ok bool) {
	f.method = n.Args[0].Text
	if !slices.Contains([]string{"NAT", "DR", "TUN"}, f.method) {
		b.err(n.ArgPos(0), RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(f.method)+"'; it is ignored", forwardForm)
		return f, false
	}
	for i := 1; i < len(n.Args); i++ {
		w := n.Args[i]
		switch {
		case f.method != "TUN":
			b.extra(n, i)
			return f, true
		case w.Text == "type" && i+1 < len(n.Args):
			i++
			f.tunnel = n.Args[i].Text
			if !slices.Contains([]string{"ipip", "gue", "gre"}, f.tunnel) {
				b.err(n.ArgPos(i), RuleBadWord, "there is no tunnel of type '"+clip(f.tunnel)+"'; '"+n.Keyword+"' is ignored", forwardForm)
				return f, false
			}
		case w.Text == "port" && i+1 < len(n.Args):
			i++
			v, ok := b.integer(n.Args[i].Text, n.ArgPos(i), 1, 65535)
			if !ok {
				return f, false
			}
			f.port = uint16(v)
		case w.Text == "nocsum" || w.Text == "csum" || w.Text == "remcsum":
			f.checksum = w.Text
		default:
			b.err(w.Pos, RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(w.Text)+"', or it lacks its value; it is ignored", forwardForm)
			return f, false
		}
	}
	if (f.tunnel == "gue") != (f.port != 0) {
		b.err(n.Pos, RuleIncompatible, "a gue tunnel needs a port, and no other has one; '"+n.Keyword+"' is ignored", forwardForm)
		return f, false
	}
	if f.checksum != "" && (f.tunnel == "" || f.tunnel == "ipip" || f.tunnel == "gre" && f.checksum == "remcsum") {
		b.err(n.Pos, RuleIncompatible, "this tunnel does not know "+f.checksum+"; '"+n.Keyword+"' is ignored", forwardForm)
		return f, false
	}
	return f, true
}

// checkerRows are the blocks of real_server that check it.
var checkerRows = []Keyword{
	row("TCP_CHECK", "{ ... }", "", 'A', "A connection can be made.", readCheck),
	row("HTTP_GET", "{ ... }", "", 'A', "Pages can be had by HTTP.", readCheck),
	row("SSL_GET", "{ ... }", "", 'A', "Pages can be had by HTTPS; the certificate is not verified unless asked for.", readCheck),
	row("SMTP_CHECK", "{ ... }", "", 'B', "A mail server answers its greeting and HELO.", readCheck),
	row("DNS_CHECK", "{ ... }", "", 'B', "A name server answers a question without an error.", readCheck),
	row("UDP_CHECK", "{ ... }", "", 'B', "A datagram is not refused, or is answered.", readCheck),
	row("PING_CHECK", "{ ... }", "", 'B', "The host answers an echo request.", readCheck),
	row("MISC_CHECK", "{ ... }", "", 'A', "A program ends with exit status 0.", readCheck),
	row("FILE_CHECK", "{ ... }", "", 'C', "The number in a track_file is added to the weight.", readCheck),
	row("BFD_CHECK", "{ ... }", "", 'C', "A BFD session is up.", readCheck),
}

// probed is a row about the probe itself, which reads it when all is known that it inherits.
func probed(name, form, def string, tier Tier, doc string) Keyword {
	return row(name, form, def, tier, doc, kept)
}

// whenRows say when checks are made, in every checker that is run at an interval.
var whenRows = []Keyword{
	row("retry", "N", "that of the real server, else of the kind", 'A', "How many more attempts are made before a failure counts.", timed(0)),
	old("nb_get_retry", "retry", "N", timed(0)),
	row("delay_before_retry", "SECONDS", "that of the real server, else of the kind", 'A', "The time between these attempts.", span(0, longest, func(t *timing) *maybe[time.Duration] { return &t.retryDelay })),
	row("warmup", "SECONDS", "that of the real server, else delay_loop", 'C', "The longest time, taken at random, until the first check.", span(0, longest, func(t *timing) *maybe[time.Duration] { return &t.warmup })),
	row("delay_loop", "SECONDS", "that of the real server, else 60", 'B', "The time between two checks.", span(time.Microsecond, longest, func(t *timing) *maybe[time.Duration] { return &t.delay })),
	alphaRow,
	row("log_all_failures", yesNo, "that of checker_log_all_failures", 'C', "Whether each failed attempt is told, not only changes.", yes(func(b *builder) *maybe[bool] { return &b.lvs.chk.logAll })),
}

var alphaRow = row("alpha", yesNo, "that of the real server", 'C', "The check counts as failed until it has been made.", yes(func(b *builder) *maybe[bool] { return &b.lvs.chk.alpha }))

// whereRows say where checks go, in every checker that connects.
var whereRows = []Keyword{
	probed("connect_ip", "ADDRESS", "that of the real server", 'B', "The address to check instead of that of the real server."),
	probed("connect_port", "1..65535", "that of the real server", 'A', "The port to check instead of that of the real server."),
	probed("bindto", "ADDRESS", "", 'B', "The own address of the connection."),
	probed("bind_port", "1..65535", "", 'C', "The own port of the connection."),
	probed("bind_if", "INTERFACE", "", 'C', "The interface of the connection; a link-local address needs one."),
	probed("connect_timeout", "SECONDS", "that of the real server, else 5", 'A', "How long a connection may take, and each answer on it."),
	probed("fwmark", "N", "0", 'C', "The mark of the packets, for the routing and filters of the kernel."),
}

var httpRows = []Keyword{
	probed("virtualhost", "NAME", "that of the real server", 'B', "The name of the host to ask for."),
	probed("http_protocol", "1.0|1.1|1.0C|1.0K|2", "1.0", 'B', "The version of HTTP; 1.0C asks for the connection to be closed, 1.0K to be kept."),
	probed("enable_sni", yesNo, "off", 'B', "Names the host in the TLS handshake."),
	probed("sni_name", "[NAME]", "that of virtualhost", 'C', "The name for the TLS handshake; turns enable_sni on."),
	probed("fast_recovery", yesNo, "off", 'C', "Makes no pause between the pages of a server that is coming up."),
	row("url", "{ ... }", "", 'A', "A page; there must be one at least.", readPlainBlock),
}

var urlRows = []Keyword{
	probed("path", "PATH", "", 'A', "The path of the page."),
	probed("digest", "MD5", "", 'A', "The digest that the body must have, as genhash shows it."),
	probed("status_code", "N[-M]...", "200-299", 'A', "The status codes that are good."),
	probed("virtualhost", "NAME", "that of the checker", 'B', "The name of the host to ask for."),
	probed("regex", "PATTERN", "", 'B', "What the body must match."),
	probed("regex_no_match", "", "off", 'B', "The body must not match."),
	probed("regex_options", "OPTION...", "", 'C', "How to match: caseless, dotall, multiline and others of PCRE2."),
	probed("regex_min_offset", "N", "0", 'C', "From which byte on a match may begin."),
	probed("regex_max_offset", "N", "the end", 'C', "By which byte a match must have begun."),
	probed("regex_stack", "START MAX", "", 'D', "The memory of the matcher of PCRE2.").inert("matching needs memory in proportion to the pattern alone"),
}

var (
	compliantRow = probed("tls_compliant", yesNo, "off", 'C', "A connection that ends without the closing message of TLS is a failure.")
	verifyRows   = []Keyword{
		probed("tls_verify", yesNo, "off", 'C', "Verifies the certificate of the server; the name is that of sni_name or virtualhost."),
	}
	tcpRows = []Keyword{
		probed("send", "TEXT", "", 'C', "What is said on the connection, with the escapes of commands."),
		probed("expect", "TEXT|*", "", 'C', "What the answer must have in it; * takes any."),
		probed("expect_regex", "PATTERN", "", 'C', "What the answer must match."),
		probed("half_open", yesNo, "off", 'C', "Resets the connection before the program of the server hears of it."),
	}
	smtpRows = []Keyword{
		probed("helo_name", "NAME", "smtpchecker.keepalived.org", 'B', "The name to greet with."),
		row("host", "{ ... }", "", 'D', "Old: another address to check.", readCheckHost).once("each was a checker of its own; write one SMTP_CHECK for each"),
	}
	dnsRows = []Keyword{
		probed("type", "A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY", "SOA", 'B', "The type of record to ask for."),
		probed("name", "DOMAIN", ".", 'B', "The name to ask for."),
	}
	udpRows = []Keyword{
		probed("payload", "HEX", "some bytes", 'B', "The bytes that are sent."),
		probed("require_reply", "[HEX]", "off", 'B', "There must be an answer, beginning like this; x stands for any digit."),
		probed("min_reply_length", "0..65535", "0", 'C', "How many bytes the answer must have."),
		probed("max_reply_length", "0..65535", "255", 'C', "How many bytes the answer may have."),
	}
	miscRows = []Keyword{
		probed("misc_path", `"COMMAND"`, "", 'A', "The program and its arguments."),
		probed("misc_timeout", "SECONDS", "that of delay_loop", 'A', "How long it may run; then it is ended, and that is a failure."),
		probed("misc_dynamic", "", "off", 'B', "An exit status of 2 to 255 is good too and sets the weight to 2 less."),
		row("user", "USER [GROUP]", "that of script_user", 'B', "The account that runs the program.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
			return b.readAccount(k, n, &b.lvs.chk.user.User, &b.lvs.chk.user.Group)
		}),
	}
	fileCheckRows = []Keyword{
		probed("track_file", "NAME", "", 'C', "The track_file, which must stand before."),
		probed("weight", "-2147483647..2147483647 [reverse|noreverse]", "that of the track_file", 'C', "What the number is multiplied by; 0 means down while it is not 0."),
	}
	bfdCheckRows = []Keyword{
		probed("name", "NAME", "", 'C', "The bfd_instance, which must stand before."),
		alphaRow,
	}
	sslKeywords = []Keyword{
		row("password", "TEXT", "", 'C', "The password of the key.", text(func(b *builder, s string) { b.ssl().Password = s })),
		row("ca", "PATH", "", 'C', "The file of the authority that signed.", text(func(b *builder, s string) { b.ssl().CA = s })),
		row("certificate", "PATH", "", 'C', "The file of the certificate that is shown.", text(func(b *builder, s string) { b.ssl().Certificate = s })),
		row("key", "PATH", "", 'C', "The file of its key.", text(func(b *builder, s string) { b.ssl().Key = s })),
	}
)

// ssl is the SSL block.
func (b *builder) ssl() *probe.TLS {
	if b.lvs.tls == nil {
		b.lvs.tls = &probe.TLS{}
	}
	return b.lvs.tls
}

// readCheckHost keeps a host block of SMTP_CHECK: compat: each is a checker of its own.
func readCheckHost(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	outer := b.lvs.chk
	host := &checkDraft{timing: timing{}, node: n, kind: outer.kind}
	b.lvs.chk = host
	children := b.statements(n.Children, k.Path())
	b.lvs.chk = outer
	outer.hosts = append(outer.hosts, host)
	return blockOf(k, n, children)
}

// serverTables are all rows of virtual servers.
func serverTables() []Keyword {
	const rs = "virtual_server/real_server"
	connecting := slices.Concat(whenRows, whereRows)
	return slices.Concat(
		in("SSL", sslKeywords),
		in("virtual_server", serviceKeywords),
		in(rs, serverKeywords, checkerRows),
		in(rs+"/TCP_CHECK", connecting, tcpRows),
		in(rs+"/HTTP_GET", connecting, httpRows),
		in(rs+"/SSL_GET", connecting, httpRows, []Keyword{compliantRow}, verifyRows),
		in(rs+"/HTTP_GET/url", urlRows),
		in(rs+"/SSL_GET/url", urlRows, []Keyword{compliantRow}),
		in(rs+"/SMTP_CHECK", connecting, smtpRows),
		in(rs+"/SMTP_CHECK/host", connecting),
		in(rs+"/DNS_CHECK", connecting, dnsRows),
		in(rs+"/UDP_CHECK", connecting, udpRows),
		in(rs+"/PING_CHECK", connecting),
		in(rs+"/MISC_CHECK", whenRows, miscRows),
		in(rs+"/FILE_CHECK", fileCheckRows),
		in(rs+"/BFD_CHECK", bfdCheckRows),
	)
}

// readServiceTracks reads the lines of track_virtual_server. Virtual servers may stand behind what follows them, so they
// are looked for at the end.
func readServiceTracks(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	var out []*syntax.Node
	for _, c := range n.Children {
		w := c.Words()
		// In quotes or not: the name goes on until the first option.
		end := 1
		for end < len(w) && w[end].Text != "weight" {
			end++
		}
		parts := make([]string, 0, end)
		for _, one := range w[:end] {
			parts = append(parts, strings.Fields(one.Text)...)
		}
		t := trackLine{Track: vrrp.Track{Kind: event.SubjectVirtualServer, Name: strings.Join(parts, " ")}, node: c, pos: c.Pos}
		words, ok := b.trackOptions(&t, w[end:])
		if !ok {
			continue
		}
		t.rest = words[1:]
		if b.inst != nil {
			b.inst.tracks = append(b.inst.tracks, t)
		} else {
			b.group.tracks = append(b.group.tracks, t)
		}
		out = append(out, listed(c, words...))
	}
	return blockOf(k, n, out)
}

// servicesTracked finds the virtual servers among what is tracked, and leaves out those that do not exist.
func (b *builder) servicesTracked(tracks []trackLine) []trackLine {
	out := tracks[:0]
	for _, t := range tracks {
		if t.Kind != event.SubjectVirtualServer || b.serviceTracked(&t) {
			out = append(out, t)
		}
	}
	return out
}

// serviceTracked gives a tracked virtual server the name that events have. A worker that is not told of virtual servers
// takes the name that was found before and put into its text.
func (b *builder) serviceTracked(t *trackLine) bool {
	for _, d := range b.lvs.services {
		known := d.known()
		key := known.Subject().Name
		if key != t.Name && !d.meant(strings.Fields(t.Name)) {
			continue
		}
		if key != t.Name {
			b.instead[t.node] = listed(t.node, append([]string{key}, t.rest...)...)
		}
		t.Name = key
		return true
	}
	if worker := b.e.Script == nil && b.e.Interface == nil; worker && len(b.lvs.services) == 0 {
		return true
	}
	b.err(t.pos, RuleUnknownReference, "virtual_server '"+clip(t.Name)+"' does not exist, or is ignored; it is not followed", `"ADDRESS [PORT] [PROTOCOL]", "fwmark N" or "group NAME"`)
	return false
}

// known is what events call the service by.
func (d *serviceDraft) known() *event.VirtualServer {
	return &event.VirtualServer{
		Protocol: event.Protocol(d.protocol.v), Addr: d.addr, Group: d.group, Mark: uint32(d.fwmark.v), Family: uint8(d.family.v),
	}
}

// meant tells whether words as after virtual_server, and perhaps a protocol, are about this service.
func (d *serviceDraft) meant(words []string) bool {
	if len(words) > 1 && strings.EqualFold(words[len(words)-1], event.Protocol(d.protocol.v).String()) {
		words = words[:len(words)-1]
	}
	switch {
	case len(words) == 2 && words[0] == "fwmark":
		return d.fwmark.set && words[1] == strconv.FormatInt(d.fwmark.v, 10)
	case len(words) == 2 && words[0] == "group":
		return d.group != "" && words[1] == d.group
	case len(words) == 0 || len(words) > 2 || !d.addr.IsValid():
		return false
	}
	a, err := netip.ParseAddr(words[0])
	port := "0"
	if len(words) == 2 {
		port = words[1]
	}
	return err == nil && a.Unmap() == d.addr.Addr() && port == strconv.Itoa(int(d.addr.Port()))
}

// The defaults of a checker (compat).
const (
	checkDelay   = 60 * time.Second
	checkConnect = 5 * time.Second
)

// retryOf gives how often, and after what time, a kind of checker tries again unless told otherwise (compat).
func retryOf(kind event.Checker, delay time.Duration) (times int64, after time.Duration) {
	switch kind {
	case event.CheckerHTTP, event.CheckerSSL:
		return 1, 3 * time.Second
	case event.CheckerDNS:
		return 3, delay
	case event.CheckerMisc:
		return 0, time.Second
	case event.CheckerNone, event.CheckerTCP, event.CheckerSMTP, event.CheckerUDP, event.CheckerPing, event.CheckerFile,
		event.CheckerBFD, event.CheckerExpect:
	}
	return 1, time.Second
}
