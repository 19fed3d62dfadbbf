// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// epoch is the wall clock at instant 0 of these tests.
const epoch = int64(1_700_000_000_000_000_000)

var vi1 = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}

// at returns an event at so many milliseconds.
func at(seq uint64, ms int64, e event.Event) event.Event {
	e.Epoch, e.Seq, e.At = 9, seq, event.Instant(ms*1e6)
	e.Wall = epoch + int64(e.At)
	if e.Subject.Kind == event.SubjectNone {
		e.Subject = vi1
	}
	return e
}

func ref(seq uint64) event.Ref { return event.Ref{Epoch: 9, Seq: seq} }

// failover is a promotion with all its parts, in the order in which they come.
func failover() []event.Event {
	ev := event.Evidence{
		N: 1, Interval: time.Second, Skew: 414 * time.Millisecond, MasterDown: 3414 * time.Millisecond,
		Deadline: 99_914e6, Lateness: 86 * time.Millisecond, Margin: 2400 * time.Millisecond, Base: 170, Effective: 150, NTerm: 1,
	}
	ev.Heard[0] = event.Heard{At: 96_500e6, Source: netip.MustParseAddr("192.0.2.1"), Priority: 200, Interval: time.Second}
	ev.Terms[0] = event.Term{Kind: event.SubjectScript, Name: "chk", Delta: -20}
	channel := func(name, sub string) event.Subject {
		return event.Subject{Kind: event.SubjectChannel, Name: name, Sub: sub}
	}
	root := ref(7)
	return []event.Event{
		at(7, 100_000, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 150, Evidence: ev}),
		at(8, 100_004, event.Event{Kind: event.AddressAdded, Cause: root, Root: root, Count: 2, Took: 3 * time.Millisecond, Reason: event.MasterDownTimer}),
		at(9, 100_006, event.Event{Kind: event.AnnounceSent, Cause: root, Root: root, Count: 10, Took: time.Millisecond, Reason: event.AnnounceTransition}),
		at(10, 100_050, event.Event{Kind: event.ExecDone, Cause: root, Root: root, Subject: channel("script", "notify_master"), Count: 3, Reason: event.FailExit, Took: 40 * time.Millisecond}),
		at(11, 100_050, event.Event{Kind: event.NotifyFailed, Cause: root, Root: root, Subject: channel("script", "notify_master"), Count: 1, Reason: event.FailExit, Took: 45 * time.Millisecond, Detail: "exit status 3"}),
		at(12, 101_000, event.Event{Kind: event.NotifyFailed, Cause: root, Root: root, Subject: channel("webhook", "pager"), Count: 1, Reason: event.FailRefused, Took: 20 * time.Millisecond, Detail: "HTTP 500"}),
		at(13, 102_000, event.Event{Kind: event.NotifySent, Cause: root, Root: root, Subject: channel("webhook", "pager"), Count: 2, Took: 10 * time.Millisecond}),
		at(14, 102_500, event.Event{Kind: event.NotifySent, Cause: root, Root: root, Subject: channel("smtp", ""), Count: 1, Took: 30 * time.Millisecond}),
		at(15, 105_006, event.Event{Kind: event.AnnounceSent, Cause: root, Root: root, Count: 10, Took: time.Millisecond, Reason: event.AnnounceRepeat}),
	}
}

func view() *ledger.View {
	return &ledger.View{Instances: []*ledger.Instance{{
		Row: event.InstanceRow{Subject: vi1, Version: 3, Interface: "eth0", SyncGroup: "G1"}, Addresses: make([]*ledger.Address, 2),
	}}}
}

// stage is a teller with a clock of its own.
type stage struct {
	*teller
	spans []tracetest.SpanStub
	clock time.Time
}

func newStage(v *ledger.View) *stage {
	s := &stage{clock: time.Unix(0, epoch)}
	o := &Options{URLs: map[string]string{"pager": "https://user:pass@pager.test:8443/in"}, MailServer: "mx.test"}
	o.complete()
	s.teller = newTeller(o, resource.Empty(), func(x tracetest.SpanStub) { s.spans = append(s.spans, x) })
	s.now = func() time.Time { return s.clock }
	s.view = v
	return s
}

func (s *stage) play(es ...event.Event) {
	for i := range es {
		s.tell(&es[i])
		s.expire(false)
	}
}

// draw renders spans as a tree: name, times in ms, status, links.
func draw(spans []tracetest.SpanStub) string {
	var out strings.Builder
	var below func(parent tracetest.SpanStub, indent string)
	line := func(s tracetest.SpanStub, indent string) {
		ms := func(t time.Time) float64 { return float64(t.UnixNano()-epoch) / 1e6 }
		fmt.Fprintf(&out, "%s%s [%.0f %.0f] %s", indent, s.Name, ms(s.StartTime), ms(s.EndTime), s.SpanKind)
		if s.Status.Code == codes.Error {
			fmt.Fprintf(&out, " error %q", s.Status.Description)
		}
		for _, l := range s.Links {
			fmt.Fprintf(&out, " %s->%s", l.Attributes[0].Value.AsString(), l.SpanContext.TraceID().String()[:8])
		}
		out.WriteString("\n")
	}
	below = func(parent tracetest.SpanStub, indent string) {
		for _, s := range spans {
			if s.Parent.IsValid() && s.Parent.SpanID() == parent.SpanContext.SpanID() && s.Parent.TraceID() == parent.SpanContext.TraceID() {
				line(s, indent)
				below(s, indent+"  ")
			}
		}
	}
	for _, s := range spans {
		if !s.Parent.IsValid() {
			fmt.Fprintf(&out, "%s ", s.SpanContext.TraceID().String()[:8])
			line(s, "")
			below(s, "  ")
		}
	}
	return out.String()
}

func short(seq uint64) string { return ref(seq).ID().String()[:8] }

func wantTree(t *testing.T, spans []tracetest.SpanStub, want string) {
	t.Helper()
	if got := draw(spans); got != want {
		t.Errorf("spans\n%s\nwant\n%s", got, want)
	}
	seen := map[string]bool{}
	for _, s := range spans {
		id := s.SpanContext.TraceID().String() + s.SpanContext.SpanID().String()
		if seen[id] || !s.SpanContext.IsValid() || !s.SpanContext.IsSampled() {
			t.Errorf("span %s has no id of its own: %s", s.Name, id)
		}
		seen[id] = true
	}
}

func TestFailoverIsOneTrace(t *testing.T) {
	s := newStage(view())
	s.play(failover()...)
	wantTree(t, s.spans, short(7)+` vrrp transition [96500 100006] internal
  vrrp detect [96500 99914] internal
  vrrp decide [99914 100000] internal
  vrrp address add [100001 100004] internal
  vrrp announce [100005 100006] internal
  notify script notify_master [100005 100050] client error "exit status 3"
  notify webhook POST [100980 101000] client error "HTTP 500"
  notify webhook POST [101990 102000] client
  notify smtp [102470 102500] client
`+short(15)+` vrrp announce repeat [105005 105006] internal transition->`+short(7)+"\n")
	want := map[string]string{
		"vrrp transition": `vigil.vrrp.instance=VI_1 vigil.vrrp.vrid=51 network.protocol.name=vrrp network.type=ipv4 network.protocol.version=3 ` +
			`network.interface.name=eth0 vigil.vrrp.address.count=2 vigil.sync_group=G1 vigil.vrrp.state.from=BACKUP vigil.vrrp.state.to=MASTER ` +
			`vigil.vrrp.reason=master_down_timer vigil.vrrp.priority=150`,
		"vrrp detect": `vigil.vrrp.advert_interval=1 vigil.vrrp.skew=0.414 vigil.vrrp.master_down_interval=3.414 network.peer.address=192.0.2.1 ` +
			`vigil.vrrp.peer.priority=200 vigil.vrrp.margin=2.4`,
		"vrrp decide": `vigil.vrrp.reason=master_down_timer vigil.vrrp.priority=150 vigil.vrrp.lateness=0.086 vigil.vrrp.priority.base=170 ` +
			`vigil.vrrp.priority.terms=["script chk -20"]`,
		"vrrp address add": `vigil.vrrp.address.count=2`,
		"vrrp announce":    `vigil.vrrp.announce.count=10`,
		"notify script notify_master": `vigil.notify.channel=script vigil.notify.name=notify_master vigil.notify.attempt=1 error.type=exit ` +
			`process.exit.code=3`,
		"notify webhook POST": `vigil.notify.channel=webhook vigil.notify.name=pager vigil.notify.attempt=2 http.request.method=POST ` +
			`http.request.resend_count=1 url.full=https://user:xxxxx@pager.test:8443/in server.address=pager.test server.port=8443`,
		"notify smtp": `vigil.notify.channel=smtp vigil.notify.attempt=1 server.address=mx.test`,
	}
	got := map[string]string{}
	for _, x := range s.spans {
		var out []string
		for _, a := range x.Attributes {
			out = append(out, string(a.Key)+"="+a.Value.String())
		}
		got[x.Name] = strings.Join(out, " ")
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s has\n  %s\nwant\n  %s", name, got[name], w)
		}
	}
}

func TestSpanIDsAreThoseOfTheOtherExits(t *testing.T) {
	s := newStage(view())
	s.play(failover()...)
	story := ref(7)
	want := map[string]event.SpanID{
		"vrrp transition":             story.Span("", 0),
		"notify script notify_master": story.Span("script:notify_master", 1),
		"notify smtp":                 story.Span("smtp", 1),
	}
	for _, x := range s.spans {
		if id, ok := want[x.Name]; ok && x.SpanContext.SpanID().String() != id.String() {
			t.Errorf("%s has id %s, want %s", x.Name, x.SpanContext.SpanID(), id)
		}
	}
}

func TestRootWaitsForItsParts(t *testing.T) {
	s := newStage(view())
	es := failover()
	s.play(es[0], es[2])
	if n := len(s.spans); n != 3 || len(s.open) != 1 {
		t.Errorf("%d spans and %d open stories before the addresses are there", n, len(s.open))
	}
	due, ok := s.next()
	if !ok || !due.Equal(s.clock.Add(3*time.Second)) {
		t.Errorf("due %v %v", due, ok)
	}
	s.clock = due
	s.expire(false)
	s.play(es[1])
	wantTree(t, s.spans, short(7)+` vrrp transition [96500 100006] internal
  vrrp detect [96500 99914] internal
  vrrp decide [99914 100000] internal
  vrrp announce [100005 100006] internal
  vrrp address add [100001 100004] internal
`)
	if _, ok := s.next(); ok || len(s.order) != 0 {
		t.Error("something is still due")
	}
}

func TestTransitions(t *testing.T) {
	heard := func(ms int64) event.Evidence {
		ev := event.Evidence{N: 1}
		ev.Heard[0] = event.Heard{At: event.Instant(ms * 1e6), Source: netip.MustParseAddr("192.0.2.1"), Priority: 200}
		return ev
	}
	timer := heard(1000)
	timer.Deadline = 1586e6
	alone := event.Evidence{Deadline: 3000e6, MasterDown: 2 * time.Second}
	root := ref(1)
	state := func(ms int64, from, to event.State, why event.Reason, ev event.Evidence) event.Event {
		return at(1, ms, event.Event{Kind: event.VRRPState, From: from, To: to, Reason: why, Evidence: ev})
	}
	removed := at(2, 2005, event.Event{Kind: event.AddressRemoved, Root: root, Cause: root, Count: 1, Took: 2 * time.Millisecond})
	for _, c := range []struct {
		name string
		in   []event.Event
		want string
	}{
		{
			"the master gave up",
			[]event.Event{state(1590, event.Backup, event.Master, event.PriorityZero, timer)},
			"vrrp transition [1000 1590] internal\n  vrrp detect [1000 1586] internal\n  vrrp decide [1586 1590] internal\n",
		},
		{
			"nobody was ever heard",
			[]event.Event{state(3001, event.Backup, event.Master, event.MasterDownTimer, alone)},
			"vrrp transition [1000 3001] internal\n  vrrp detect [1000 3000] internal\n  vrrp decide [3000 3001] internal\n",
		},
		{
			"a better master",
			[]event.Event{state(2000, event.Master, event.Backup, event.HigherPriority, heard(1999)), removed},
			"vrrp transition [1999 2005] internal\n  vrrp decide [1999 2000] internal\n  vrrp address remove [2003 2005] internal\n",
		},
		{
			"a link is down",
			[]event.Event{state(2000, event.Backup, event.Fault, event.Interface, heard(1000))},
			"vrrp transition [2000 2000] internal\n  vrrp decide [2000 2000] internal\n",
		},
		{
			"an address that the kernel refused",
			[]event.Event{
				state(2000, event.Backup, event.Master, event.SyncGroup, event.Evidence{}),
				at(2, 2002, event.Event{Kind: event.AddressAdded, Root: root, Cause: root, Count: 1, Reason: event.FailKernel, Detail: "add 192.0.2.7/24: no"}),
				at(3, 2003, event.Event{Kind: event.AnnounceSent, Root: root, Cause: root, Count: 1, Reason: event.AnnounceTransition}),
			},
			"vrrp transition [2000 2003] internal error \"add 192.0.2.7/24: no\"\n  vrrp decide [2000 2000] internal\n" +
				"  vrrp address add [2002 2002] internal error \"add 192.0.2.7/24: no\"\n  vrrp announce [2003 2003] internal\n",
		},
		{
			"announcements that failed",
			[]event.Event{
				state(2000, event.Backup, event.Master, event.SyncGroup, event.Evidence{}),
				at(2, 2002, event.Event{Kind: event.AddressAdded, Root: root, Cause: root, Count: 1}),
				at(3, 2003, event.Event{Kind: event.AnnounceSent, Root: root, Cause: root, Reason: event.FailKernel, Detail: "no buffer"}),
			},
			"vrrp transition [2000 2003] internal error \"no buffer\"\n  vrrp decide [2000 2000] internal\n" +
				"  vrrp address add [2002 2002] internal\n  vrrp announce [2003 2003] internal error \"no buffer\"\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(view())
			s.play(c.in...)
			s.expire(true)
			wantTree(t, s.spans, short(1)+" "+c.want)
		})
	}
}

func TestSyncGroupIsLinked(t *testing.T) {
	member := event.Subject{Kind: event.SubjectInstance, Name: "VI_2", Family: 4, VRID: 52}
	group := event.Subject{Kind: event.SubjectGroup, Name: "G1"}
	s := newStage(nil)
	s.play(
		at(1, 1000, event.Event{Kind: event.ConfigLoaded, Subject: event.Subject{Kind: event.SubjectConfig}, Took: 5 * time.Millisecond}),
		at(2, 2000, event.Event{Kind: event.VRRPState, Cause: ref(1), From: event.Backup, To: event.Fault, Reason: event.Interface}),
		at(3, 2001, event.Event{Kind: event.VRRPState, Cause: ref(2), Subject: member, From: event.Backup, To: event.Fault, Reason: event.SyncGroup}),
		at(4, 2002, event.Event{Kind: event.GroupState, Cause: ref(2), Subject: group, From: event.Backup, To: event.Fault, Reason: event.Interface}),
		at(5, 2009, event.Event{
			Kind: event.NotifySent, Cause: ref(4), Root: ref(4), Count: 1, Took: 3 * time.Millisecond,
			Subject: event.Subject{Kind: event.SubjectChannel, Name: "script", Sub: "notify_fault"},
		}),
	)
	want := []string{
		short(1) + " config reload [995 1000] internal\n",
		short(2) + " vrrp transition [2000 2000] internal cause->" + short(1) + "\n  vrrp decide [2000 2000] internal\n",
		short(3) + " vrrp transition [2001 2001] internal cause->" + short(2) + "\n  vrrp decide [2001 2001] internal\n",
		short(4) + " vrrp sync group [2000 2002] internal cause->" + short(2) + " member->" + short(3) +
			"\n  notify script notify_fault [2006 2009] client\n",
	}
	wantTree(t, s.spans, strings.Join(want, ""))
}

func TestConfigRejectedIsAnError(t *testing.T) {
	s := newStage(nil)
	s.play(at(1, 1000, event.Event{
		Kind: event.ConfigRejected, Subject: event.Subject{Kind: event.SubjectConfig}, Reason: event.FailInvalid, Detail: "a.conf:3:5: no", Took: time.Millisecond,
	}))
	wantTree(t, s.spans, short(1)+" config reload [999 1000] internal error \"a.conf:3:5: no\"\n")
}

func TestWhatIsNoSpan(t *testing.T) {
	s := newStage(view())
	snapshot := failover()[0]
	snapshot.Snapshot = true
	s.play(
		snapshot,
		at(2, 1, event.Event{Kind: event.VRRPConflict, Reason: event.ConflictHigher}),
		at(3, 1, event.Event{Kind: event.ExecDone, Subject: event.Subject{Kind: event.SubjectScript, Name: "chk"}, Count: 1}),
		at(4, 1, event.Event{Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp"}, Reason: event.FailOverflow}),
	)
	s.expire(true)
	wantTree(t, s.spans, "")
}

// A step of the wall clock in the middle must not tear a trace apart, and
// parts whose root is not known stand for themselves.
func TestClockStepAndUnknownStory(t *testing.T) {
	s := newStage(view())
	es := failover()[:3]
	for i := range es[1:] {
		es[i+1].Wall += int64(time.Hour)
	}
	s.play(es...)
	for _, x := range s.spans {
		if x.EndTime.After(time.Unix(0, epoch).Add(2 * time.Minute)) {
			t.Errorf("%s ends at %v", x.Name, x.EndTime)
		}
	}
	lost := newStage(view())
	lost.play(failover()[1], failover()[8])
	wantTree(t, lost.spans, short(7)+" vrrp address add [100001 100004] internal\n"+short(15)+" vrrp announce repeat [105005 105006] internal\n")
}

func TestMemoryIsBounded(t *testing.T) {
	s := newStage(nil)
	for i := range uint64(3 * pastMax) {
		s.play(
			at(2*i+1, int64(i), event.Event{Kind: event.VRRPState, From: event.Init, To: event.Backup, Reason: event.Startup}),
			at(2*i+2, int64(i), event.Event{Kind: event.ExecDone, Cause: ref(i), Subject: event.Subject{Kind: event.SubjectChannel, Name: "script"}}),
		)
	}
	if len(s.past) != pastMax || len(s.old) != pastMax || len(s.open) != 0 || len(s.exits) > pastMax {
		t.Errorf("kept: %d past, %d open, %d exits", len(s.past), len(s.open), len(s.exits))
	}
	if n := cap(s.order); n > 4*pastMax {
		t.Errorf("the order holds %d", n)
	}
}
