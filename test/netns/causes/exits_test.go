// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"fmt"
	"mime"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/otlp"
)

// fault is something that is broken, and what every exit has to say of it.
type fault struct {
	what string
	// act breaks it, mend ends it; then both directors have to be as before.
	act, mend func()
	// at is the director whose change is judged.
	at *director
	// The change, and why: the true cause.
	kind, subject, server, to, reason string
	// besides are reasons of other changes that the fault may lead to.
	besides []string
	// sentence is a pattern for the one sentence that all exits carry.
	sentence string
	// why are patterns for what `vigilctl why` adds to it.
	why []string
}

// counter is the metric that counts such changes, by reason. The labels have no
// room for more.
func (f *fault) counter() (name string, labels []string) {
	switch f.kind {
	case "vrrp.state":
		return "vigil_vrrp_transitions_total", slices.Clip([]string{fmt.Sprintf("vrrp_instance=%q", f.subject), fmt.Sprintf("to=%q", strings.ToLower(f.to))})
	case "server.state":
		return "vigil_virtual_server_check_failures_total", slices.Clip([]string{fmt.Sprintf("virtual_server=%q", f.subject)})
	}
	panic("no counter of " + f.kind)
}

// count reads a counter, 0 if it is not there yet.
func (o *observatory) count(d *director, name string, labels ...string) float64 {
	o.t.Helper()
	m, err := d.Metrics()
	if err != nil {
		o.t.Fatal(err)
	}
	n, _ := m.Sum(name, labels...)
	return n
}

// try breaks one thing, compares all exits, and mends it.
func (o *observatory) try(t *testing.T, f fault) {
	t.Helper()
	name, labels := f.counter()
	before := map[string]float64{}
	for _, reason := range append(f.besides, f.reason) {
		before[reason] = o.count(f.at, name, append(labels, fmt.Sprintf("reason=%q", reason))...)
	}
	all := o.count(f.at, name, labels...)
	told := len(o.hooks.since(0))
	f.act()
	o.judge(t, &f, told, all, before)
	if f.mend != nil {
		f.mend()
	}
}

// judge waits for the change and compares what the exits say of it. told is how
// many documents had come before; all and before are the counters then.
func (o *observatory) judge(t *testing.T, f *fault, told int, all float64, before map[string]float64) {
	t.Helper()
	name, labels := f.counter()
	of := append(labels, fmt.Sprintf("reason=%q", f.reason))
	var doc document
	lab.Until(t, soon, fmt.Sprintf("%s: the webhook tells that %s of %s is %s", f.what, f.subject, f.at.Host, f.to), func() bool {
		for _, d := range o.hooks.since(told) {
			if d.Node == f.at.Host && d.Kind == f.kind && d.Subject.Name == f.subject && d.Subject.Server == f.server && d.To == f.to {
				doc = d
				return true
			}
		}
		return false
	})
	wrong := func(exit, format string, args ...any) {
		t.Errorf("%s: %s: %s", f.what, exit, fmt.Sprintf(format, args...))
	}
	if doc.Reason != f.reason {
		wrong("webhook", "the reason is %s, not %s (%s)", doc.Reason, f.reason, doc.Sentence)
	}
	if !regexp.MustCompile(f.sentence).MatchString(doc.Sentence) {
		wrong("webhook", "the sentence is %q, wanted %q", doc.Sentence, f.sentence)
	}
	o.mail(t, f, doc, wrong)
	o.trap(t, f, doc, wrong)
	o.trace(t, f, doc, wrong)
	o.explained(f, doc, wrong)
	lab.Until(t, soon, f.what+": the metric counts it", func() bool { return o.count(f.at, name, of...) > before[f.reason] })
	others := o.count(f.at, name, labels...) - all
	for reason, n := range before {
		others -= o.count(f.at, name, append(labels, fmt.Sprintf("reason=%q", reason))...) - n
	}
	if others != 0 {
		wrong("metrics", "%v changes have other reasons than %s", others, f.reason)
	}
}

type complain func(exit, format string, args ...any)

func (o *observatory) mail(t *testing.T, f *fault, doc document, wrong complain) {
	var mail string
	key := "X-Vigil-Event-Id: " + doc.ID
	if f.server != "" {
		key = "[" + strings.Replace(f.server, ":", "]:tcp:", 1) // keepalived tells of each check, which has an id of its own
	}
	lab.Until(t, soon, f.what+": the mail comes", func() bool {
		mail = o.mails.with(key, "X-Vigil-Reason: "+f.reason)
		return mail != ""
	})
	message, err := netmail.ReadMessage(strings.NewReader(mail))
	if err != nil {
		wrong("mail", "%v: %s", err, mail)
		return
	}
	if got := message.Header.Get("X-Vigil-Reason"); got != f.reason {
		wrong("mail", "the reason is %q, not %s: %s", got, f.reason, mail)
	}
	cause, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("X-Vigil-Cause"))
	if f.server != "" {
		var answer struct {
			ID string `json:"id"`
		}
		f.at.CtlJSON(&answer, "why", message.Header.Get("X-Vigil-Event-Id"))
		if answer.ID != doc.ID || !regexp.MustCompile(f.sentence).MatchString(cause) {
			wrong("mail", "it says %q, and its id leads to %s, not %s", cause, answer.ID, doc.ID)
		}
		return
	}
	if err != nil || cause != doc.Sentence {
		wrong("mail", "the sentence is %q (%v), not %q", cause, err, doc.Sentence)
	}
}

func (o *observatory) trap(t *testing.T, f *fault, doc document, wrong complain) {
	var trap string
	lab.Until(t, soon, f.what+": the trap comes", func() bool {
		for line := range strings.SplitSeq(o.traps.Said(), "\n") {
			if strings.Contains(line, doc.ID) {
				trap = line
				return true
			}
		}
		return false
	})
	if !strings.Contains(trap, fmt.Sprintf(`STRING: "%s"`, f.reason)) {
		wrong("trap", "the reason is not %s: %s", f.reason, trap)
	}
	if !strings.Contains(trap, doc.Sentence) {
		wrong("trap", "another sentence: %s", trap)
	}
}

// roots are the spans that stand for a change, by its kind, with the attribute
// that says why.
var roots = map[string][2]string{
	"vrrp.state":   {"vrrp transition", "vigil.vrrp.reason"},
	"server.state": {"real_server change", "error.type"},
}

func (o *observatory) trace(t *testing.T, f *fault, doc document, wrong complain) {
	var root otlp.Span
	lab.Until(t, soon, f.what+": the trace comes", func() bool {
		spans, _, err := otlp.Read(o.spans)
		if err != nil {
			return false // the file comes with the first batch
		}
		for _, s := range spans {
			if s.Trace == doc.ID && s.Name == roots[f.kind][0] {
				root = s
				return true
			}
		}
		return false
	})
	if got := root.Attributes[roots[f.kind][1]]; got != f.reason {
		wrong("trace", "the reason is %q, not %s: %v", got, f.reason, root.Attributes)
	}
}

func (o *observatory) explained(f *fault, doc document, wrong complain) {
	args := []string{"why", doc.ID} // others may have followed
	var answer struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	f.at.CtlJSON(&answer, args...)
	text := f.at.Ctl(args...)
	if answer.ID != doc.ID || answer.Reason != doc.Reason {
		wrong("why", "it explains %s (%s), not %s (%s):\n%s", answer.ID, answer.Reason, doc.ID, f.reason, text)
	}
	for _, pattern := range f.why {
		if !regexp.MustCompile(pattern).MatchString(text) {
			wrong("why", "nothing like %q in\n%s", pattern, text)
		}
	}
}
