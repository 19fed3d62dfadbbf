// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var web = Service{Key: AddrKey(TCP, netip.MustParseAddrPort("10.0.0.1:80")), Scheduler: "rr"}

func real(n int) Destination {
	return Destination{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), Port: 80, Weight: 1}
}

// many are n changes: an added service and its destinations.
func many(n int) []Op {
	out := []Op{{Verb: AddService, Service: web}}
	for i := range n - 1 {
		out = append(out, Op{Verb: AddDestination, Service: web, Destination: real(i)})
	}
	return out
}

// messages splits a datagram.
func messages(t *testing.T, b []byte) (out []message) {
	t.Helper()
	for len(b) > 0 {
		m, rest, err := next(b)
		if err != nil {
			t.Fatal(err)
		}
		out, b = append(out, m), rest
	}
	return out
}

func TestConnect(t *testing.T) {
	id := appendU16(nil, unix.CTRL_ATTR_FAMILY_ID, testFamily)
	for _, tc := range []struct {
		name   string
		answer func(b []byte) []byte
		want   error
	}{
		{"has IPVS", func(b []byte) []byte { return answer(b, 0, unix.GENL_ID_CTRL, 0, generic(1, id)) }, nil},
		{"has none", func(b []byte) []byte { return refuse(b, 0, unix.ENOENT) }, ErrUnavailable},
		{"forbids it", func(b []byte) []byte { return refuse(b, 0, unix.EPERM) }, unix.EPERM},
		{"gives no number", func(b []byte) []byte { return answer(b, 0, unix.GENL_ID_CTRL, 0, generic(1, nil)) }, errMalformed},
		{"cuts it", func(b []byte) []byte { return answer(b, 0, unix.GENL_ID_CTRL, 0, nil) }, errMalformed},
	} {
		s := &scripted{answers: func(b []byte) [][]byte { return [][]byte{tc.answer(b)} }}
		c, err := connect(s)
		if !errors.Is(err, tc.want) || (err == nil) != (c != nil) || s.closed != (err != nil) {
			t.Errorf("a kernel that %s: %v, %v, closed %v", tc.name, c != nil, err, s.closed)
		}
		if err == nil && c.family != testFamily {
			t.Errorf("family %d", c.family)
		}
	}
}

// TestApply counts system calls, and puts each error to its change.
func TestApply(t *testing.T) {
	refused := map[int]unix.Errno{3: unix.EEXIST, 128: unix.ENOENT, 299: unix.ERANGE}
	done := 0
	c, s := connected(nil)
	s.answers = func(b []byte) (out [][]byte) {
		ms := messages(t, b)
		for i, m := range ms {
			if acked := m.flags&unix.NLM_F_ACK != 0; acked != (i == len(ms)-1) {
				t.Errorf("message %d of %d asks for an acknowledgement: %v", i, len(ms), acked)
			}
			if no := refused[done+i]; no != 0 || i == len(ms)-1 {
				out = append(out, refuse(b, i, no))
			}
		}
		done += len(ms)
		return out
	}
	errs := c.Apply(many(300))
	if len(s.sent) != 3 {
		t.Errorf("%d system calls", len(s.sent))
	}
	for i, err := range errs {
		if want := refused[i]; want == 0 && err != nil || want != 0 && !errors.Is(err, want) {
			t.Errorf("change %d: %v, want %v", i, err, want)
		}
	}
	if want := "add destination tcp/10.0.0.1:80 -> 192.0.2.2:80: the service has such a destination"; errs[3].Error() != want {
		t.Errorf("%q, want %q", errs[3], want)
	}
	refused = nil
	if errs := c.Apply(many(300)); errs != nil {
		t.Errorf("nothing was refused: %v", errs)
	}
	if errs := c.Apply(nil); errs != nil || len(s.sent) != 6 {
		t.Errorf("no changes: %v, %d system calls", errs, len(s.sent))
	}
}

// TestApplyLost: what was answered is known, the rest is not.
func TestApplyLost(t *testing.T) {
	c, s := connected(nil)
	s.answers = func(b []byte) [][]byte { return [][]byte{refuse(b, 1, unix.EEXIST)} }
	errs := c.Apply(many(4))
	if errs[0] != nil || !errors.Is(errs[1], unix.EEXIST) {
		t.Errorf("the first: %v, %v", errs[0], errs[1])
	}
	for _, err := range errs[2:] {
		if !errors.Is(err, ErrUnknown) || !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("a lost answer: %v", err)
		}
	}
	// An answer that comes after all is not taken for one of the next.
	late := refuse(s.sent[0], 2, unix.EPERM)
	s.answers = func(b []byte) [][]byte { return [][]byte{late, refuse(b, 3, 0)} }
	if errs := c.Apply(many(4)); errs != nil {
		t.Errorf("after a late answer: %v", errs)
	}
}

// TestApplyImpossible: a change that cannot be said is not sent, and the others
// are.
func TestApplyImpossible(t *testing.T) {
	c, s := connected(nil)
	s.answers = func(b []byte) [][]byte { return [][]byte{refuse(b, len(messages(t, b))-1, 0)} }
	bad := []Op{
		{Verb: verbs},
		{Verb: AddService, Service: Service{Key: Key{Family: 7}}},
		{Verb: AddService, Service: Service{Key: Key{Family: IPv4}}},
		{Verb: AddService, Service: Service{Key: Key{Family: IPv6, Addr: web.Addr}}},
		{Verb: AddService, Service: Service{Key: web.Key, Scheduler: strings.Repeat("x", 16)}},
		{Verb: AddService, Service: Service{Key: web.Key, Scheduler: "rr", Engine: "a\x00b"}},
		{Verb: AddDestination, Service: web},
	}
	errs := c.Apply(append(bad, many(1)...))
	for i := range bad {
		if errs[i] == nil {
			t.Errorf("sent: %+v", bad[i])
		}
	}
	if errs[len(bad)] != nil || len(s.sent) != 1 || len(messages(t, s.sent[0])) != 1 {
		t.Errorf("the good one: %v, %d system calls", errs[len(bad)], len(s.sent))
	}
	if c.Apply(bad); len(s.sent) != 1 {
		t.Error("a datagram of nothing was sent")
	}
}

// TestRead reads a table twice into the same room, with 32-bit counters.
func TestRead(t *testing.T) {
	stats := func(kind uint16, n uint64) []byte {
		b := openNest(nil, kind)
		b = appendU32(b, statsConns, uint32(n))
		b = host.AppendUint64(attrHeader(b, statsInBytes, 8), n<<32)
		return closeNest(b, 0)
	}
	dests := 2
	c, _ := connected(func(b []byte) [][]byte {
		done := answer(b, 0, unix.NLMSG_DONE, 0, make([]byte, 4))
		if messages(t, b)[0].body[0] == cmdGetService {
			body := appendService(generic(cmdNewService, nil), &web, true)
			body = append(body, stats(svcStats, 5)...)
			// The counters belong into the nest of the service.
			host.PutUint16(body[genlHeader:], uint16(len(body)-genlHeader))
			one := answer(b, 0, testFamily, unix.NLM_F_MULTI, body)
			return [][]byte{append(one, one...), done}
		}
		var out []byte
		for i := range dests {
			d := real(i)
			out = append(out, answer(b, 0, testFamily, unix.NLM_F_MULTI, appendDestination(generic(cmdNewDest, nil), &d, true))...)
		}
		return [][]byte{append(out, done...)}
	})
	var table Table
	for range 2 {
		if err := c.Read(&table); err != nil {
			t.Fatal(err)
		}
		if len(table.Services) != 2 || len(table.Services[1].Destinations) != dests || table.Wide {
			t.Fatalf("%+v", table)
		}
		e := table.Services[0]
		if e.Service != web || e.Stats != (Stats{Conns: 5, InBytes: 5 << 32}) || e.Destinations[0].Destination != real(0) {
			t.Errorf("%+v", e)
		}
		// Each service has room of its own.
		table.Services[0].Destinations[0].Weight = 9
		if table.Services[1].Destinations[0].Weight == 9 {
			t.Error("two services share their destinations")
		}
		dests = 1
	}
}

func TestReadErrors(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(b []byte) []byte
		want   error
	}{
		{"IPVS has gone", func(b []byte) []byte { return refuse(b, 0, unix.ENOENT) }, ErrUnavailable},
		{"forbidden", func(b []byte) []byte { return refuse(b, 0, unix.EPERM) }, unix.EPERM},
		{"ends in an error", func(b []byte) []byte {
			return answer(b, 0, unix.NLMSG_DONE, 0, host.AppendUint32(nil, uint32(0xffffffff-uint32(unix.EMSGSIZE)+1)))
		}, unix.EMSGSIZE},
		{"a service of no family", func(b []byte) []byte {
			return append(answer(b, 0, testFamily, 0, generic(cmdNewService, nil)), answer(b, 0, unix.NLMSG_DONE, 0, make([]byte, 4))...)
		}, errMalformed},
		{"a message longer than its datagram", func([]byte) []byte { return []byte{99, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12} }, errMalformed},
		{"nothing", func([]byte) []byte { return nil }, unix.ENOBUFS},
	} {
		c, _ := connected(func(b []byte) [][]byte {
			if a := tc.answer(b); a != nil {
				return [][]byte{a}
			}
			return nil
		})
		if table, err := c.Table(); !errors.Is(err, tc.want) || len(table.Services) > 0 {
			t.Errorf("%s: %v, %+v", tc.name, err, table)
		}
	}
}

// TestSettings: the small commands and what they do with errors.
func TestSettings(t *testing.T) {
	var no unix.Errno
	c, s := connected(func(b []byte) [][]byte { return [][]byte{refuse(b, 0, no)} })
	calls := map[string]func() error{
		"flush the IPVS table":                 func() error { return c.Flush() },
		"zero the IPVS counters":               func() error { return c.Zero() },
		"set the IPVS timeouts":                func() error { return c.SetTimeouts(Timeouts{TCP: time.Minute}) },
		"start the master sync daemon on eth0": func() error { return c.StartSync(SyncDaemon{Role: SyncMaster, Interface: "eth0"}) },
		"stop the backup sync daemon":          func() error { return c.StopSync(SyncBackup) },
	}
	for what, call := range calls {
		no = 0
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		no = unix.EPERM
		if err := call(); !errors.Is(err, unix.EPERM) || !strings.HasPrefix(err.Error(), what+": ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	no = unix.ESRCH
	if err := c.StopSync(SyncBackup); err != nil {
		t.Errorf("stop a daemon that does not run: %v", err)
	}
	sent := len(s.sent)
	if err := c.StartSync(SyncDaemon{Interface: "a-name-that-is-too-long"}); err == nil || len(s.sent) != sent {
		t.Errorf("an interface with a long name: %v", err)
	}
	if err := errors.Join(c.Close()); err != nil || !s.closed {
		t.Error("not closed")
	}
}

// TestAnswers: what the small questions make of their answers.
func TestAnswers(t *testing.T) {
	var body []byte
	c, _ := connected(func(b []byte) [][]byte {
		return [][]byte{append(answer(b, 0, testFamily, 0, body), answer(b, 0, unix.NLMSG_DONE, 0, make([]byte, 4))...)}
	})
	body = generic(cmdSetConfig, appendU32(appendU32(appendU32(nil, attrTimeoutTCP, 900), attrTimeoutFin, 120), attrTimeoutUDP, 300))
	if got, err := c.Timeouts(); err != nil || got != (Timeouts{900 * time.Second, 120 * time.Second, 300 * time.Second}) {
		t.Errorf("timeouts %+v, %v", got, err)
	}
	body = generic(14, appendU32(appendU32(nil, infoVersion, 0x010201), infoTableSize, 4096))
	if got, err := c.Info(); err != nil || got != (Info{"1.2.1", 4096}) {
		t.Errorf("info %+v, %v", got, err)
	}
	for _, want := range []SyncDaemon{
		{SyncMaster, "eth0", 51, 1400, netip.MustParseAddr("224.0.0.99"), 8849, 3},
		{SyncBackup, "eth1", 0, 0, netip.MustParseAddr("ff02::99"), 0, 0},
	} {
		body = appendDaemon(generic(cmdNewDaemon, nil), &want, true)
		if got, err := c.SyncDaemons(); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("daemons %+v, %v; want %+v", got, err, want)
		}
	}
}

// TestMeanings: an errno means something else with each change.
func TestMeanings(t *testing.T) {
	op := many(2)
	for _, tc := range []struct {
		verb Verb
		no   syscall.Errno
		want string
	}{
		{AddService, unix.EEXIST, "add service tcp/10.0.0.1:80: there is such a service"},
		{AddService, unix.ENOENT, "add service tcp/10.0.0.1:80: the kernel has no such scheduler or persistence engine"},
		{EditService, unix.ESRCH, "edit service tcp/10.0.0.1:80: no such service"},
		{DeleteService, unix.EPERM, "delete service tcp/10.0.0.1:80: operation not permitted"},
		{AddDestination, unix.EINVAL, "add destination tcp/10.0.0.1:80 -> 192.0.2.0:80: invalid argument: the address cannot be that of a destination of this service"},
		{EditDestination, unix.ENOENT, "edit destination tcp/10.0.0.1:80 -> 192.0.2.0:80: no such destination"},
		{EditDestination, unix.ERANGE, "edit destination tcp/10.0.0.1:80 -> 192.0.2.0:80: weight or thresholds are out of range"},
		{DeleteDestination, unix.ENOENT, "delete destination tcp/10.0.0.1:80 -> 192.0.2.0:80: no such destination"},
		{Zero, unix.ESRCH, "zero service tcp/10.0.0.1:80: no such service"},
	} {
		o := op[1]
		o.Verb = tc.verb
		if got := (&OpError{o, tc.no}).Error(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
