// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// checkFailures say how a check failed, by its reason.
var checkFailures = map[event.Reason]string{ //nolint:exhaustive // a test walks its range
	event.FailProtocol:           "the server answered what the protocol does not allow",
	event.FailResolve:            "the name of the target could not be resolved",
	event.FailConnectRefused:     "the server refused the connection",
	event.FailConnectTimeout:     "the server did not answer the connection in time",
	event.FailConnectUnreachable: "the server cannot be reached",
	event.FailTLSHandshake:       "the TLS handshake failed",
	event.FailTLSCertificate:     "the certificate of the server was not accepted",
	event.FailReadTimeout:        "the server accepted the connection and did not answer in time",
	event.FailConnectionClosed:   "the server closed the connection too early",
	event.FailHTTPStatus:         "the server answered with a status that is not accepted",
	event.FailDigest:             "the page has another digest",
	event.FailBody:               "the answer is not what is expected",
	event.FailDNSRcode:           "the answer carries an error",
	event.FailSMTPReply:          "the server answered with another reply than the one expected",
	event.FailScriptExit:         "the program said no",
	event.FailScriptTimeout:      "the program took longer than allowed",
	event.FailLocalResource:      "this host lacked a descriptor, port, memory or program for it",
	event.FailReplyTooLong:       "the answer is longer than allowed",
	event.FailFileWeight:         "the value of the file means no",
	event.FailBFDDown:            "the BFD session is not up",
}

// checkPhases say what a check was doing.
var checkPhases = map[event.Phase]string{
	event.PhaseNone: "", event.PhaseResolve: "resolving the name", event.PhaseConnect: "connecting", event.PhaseTLS: "shaking hands over TLS",
	event.PhaseProcessing: "waiting for the answer", event.PhaseTransfer: "reading the answer", event.PhaseQuery: "asking", event.PhaseEcho: "waiting for the echo",
	event.PhaseScript: "running the program",
}

// server names a real server.
func server(s event.Subject) string {
	addr, sorry := strings.CutPrefix(s.Sub, "sorry/")
	if sorry {
		return "sorry server " + addr
	}
	return "real server " + addr
}

// checker names the check that an evidence speaks of.
func checker(c *event.CheckEvidence) string {
	if c.Checker == event.CheckerNone {
		return "its check"
	}
	name := "its " + c.Checker.String()
	if c.Index > 1 {
		name += fmt.Sprintf(" (checker %d)", c.Index)
	}
	return name
}

// checkFailure says how the check of an evidence failed.
func checkFailure(why event.Reason, c *event.CheckEvidence) string {
	says, known := checkFailures[why]
	if !known {
		says = named(why.String(), "it failed")
	}
	if c.Status != 0 {
		says += fmt.Sprintf(", %d", c.Status)
	}
	return says
}

// poolSentence says in one line what happened to a virtual or real server.
func poolSentence(e *event.Event) string {
	switch e.Kind { //nolint:exhaustive // those of health checking
	case event.CheckOutcome:
		return checkSentence(e)
	case event.ServerState:
		return serverSentence(e)
	case event.ServiceQuorum:
		return quorumSentence(e)
	case event.ServiceBrake:
		if e.To == event.Up {
			return fmt.Sprintf("%s keeps %s in the pool: too many fail at once", e.Subject.Name, count(e.Count, "failed server", "failed servers"))
		}
		return e.Subject.Name + " no longer keeps failed servers in the pool"
	case event.IPVSApplied:
		return appliedSentence(e)
	default:
		return plainSentence(e)
	}
}

func checkSentence(e *event.Event) string {
	c := &e.Evidence.Check
	name := c.Checker.String() + " of " + server(e.Subject) + " of " + e.Subject.Name
	switch e.Reason { //nolint:exhaustive // the others are failures
	case event.Recovered:
		return with(name+" passes again", e.Detail)
	case event.Slow:
		return with(fmt.Sprintf("%s passed, and took %s", name, Duration(e.Took)), e.Detail)
	case event.Sampled:
		return with(fmt.Sprintf("%s passed in %s", name, Duration(e.Took)), e.Detail)
	}
	says := name + " failed: " + checkFailure(e.Reason, c)
	if c.Failures > 0 {
		says += fmt.Sprintf("; failure %d in a row", c.Failures)
	}
	if left := int64(c.Retries) + 1 - int64(c.Attempt); e.To == event.Up && left > 0 {
		says += fmt.Sprintf(", %s left", count(left, "retry", "retries"))
	}
	return with(says, e.Detail)
}

func serverSentence(e *event.Event) string {
	name := capital(server(e.Subject)) + " of " + e.Subject.Name
	verb := " went " + e.To.String()
	switch {
	case e.Snapshot:
		verb = " is " + e.To.String()
	case e.From == e.To:
		verb = " stays " + e.To.String()
	}
	return with(name+verb+": "+serverCause(e), e.Detail)
}

// serverCause says why a server changed.
func serverCause(e *event.Event) string {
	c := &e.Evidence.Check
	switch e.Reason { //nolint:exhaustive // the others are failures
	case event.Recovered:
		return checker(c) + " passes again"
	case event.SorryServer:
		if e.To == event.Up {
			return "the quorum was lost and it stands in"
		}
		return "the quorum is met again and it is no longer needed"
	case event.HASuspend:
		if e.To == event.Disabled {
			return "the address of its virtual server is not on this host (ha_suspend)"
		}
		return "the address of its virtual server is on this host again"
	case event.Initial, event.Startup:
		return "that is how it began"
	case event.Reload:
		return "the configuration changed"
	case event.Admin:
		return "a person asked for it"
	case event.Shutdown:
		return "the checks stop"
	case event.Resumed:
		return "a new worker goes on where its predecessor ended"
	case event.WeightChanged:
		return fmt.Sprintf("%s changed its weight from %d to %d", checker(c), c.Weight, c.WeightNow)
	case event.Brake:
		return "the brake lets it go"
	}
	says := checker(c) + " failed: " + checkFailure(e.Reason, c)
	if c.Failures > 1 {
		says += fmt.Sprintf(", %d times in a row", c.Failures)
	}
	return says
}

func quorumSentence(e *event.Event) string {
	verb := " gained its quorum: "
	switch {
	case e.Snapshot && e.To == event.Up:
		verb = " has its quorum: "
	case e.Snapshot:
		verb = " has no quorum: "
	case e.To == event.Down:
		verb = " lost its quorum: "
	}
	return e.Subject.Name + verb + quorumArithmetic(&e.Evidence.Check)
}

func quorumArithmetic(c *event.CheckEvidence) string {
	says := fmt.Sprintf("the servers that are up weigh %d, %d is asked for", c.Alive, c.Quorum)
	if c.Hysteresis != 0 {
		says += fmt.Sprintf(" with a hysteresis of %d", c.Hysteresis)
	}
	return says
}

// tableReasons say why the kernel's table was changed.
var tableReasons = map[event.Reason]string{ //nolint:exhaustive // the others are how it failed
	event.Startup: "at the start", event.Reload: "for the new configuration", event.Shutdown: "at the end", event.ServerUp: "because a server came up",
	event.ServerDown: "because a server went down", event.WeightChanged: "because a weight changed", event.Drift: "to mend what somebody else had changed",
	event.SorryServer: "for the sorry server", event.HASuspend: "for ha_suspend", event.SyncDaemon: "for the sync daemon", event.Brake: "for the brake",
	event.Initial: "at the start", event.Admin: "because a person asked for it", event.Resumed: "for the new worker",
}

func appliedSentence(e *event.Event) string {
	of := ""
	if e.Subject.Kind == event.SubjectVirtualServer {
		of = " of " + e.Subject.Name
	}
	if e.Failed() {
		return step(e, fmt.Sprintf("The kernel did not take all changes%s in its table", of))
	}
	says := fmt.Sprintf("The kernel's table%s took %s", of, count(e.Count, "change", "changes"))
	if why := tableReasons[e.Reason]; why != "" {
		says += " " + why
	}
	return step(e, says)
}

// PoolCase is what is known about a virtual or real server when somebody asks
// why.
type PoolCase struct {
	// Subject is the server or service; Name is what to call it.
	Subject event.Subject
	Name    string
	State   event.State
	// Now is the present in nanoseconds since the Unix epoch, 0 if unknown.
	Now int64
	// Last is the newest change, KindNone if there was none; Chain are the changes
	// that led to it, the nearest first.
	Last  event.Event
	Chain []event.Event
	// Story are the events that Last led to, oldest first.
	Story []event.Event
	// Present are facts of now: weights, quorum, checks, connections.
	Present []Fact
}

// WhyPool explains the last change of a virtual or real server.
func WhyPool(c *PoolCase) Answer {
	a := Answer{Instance: c.Name, State: c.State}
	e := &c.Last
	if e.Kind == event.KindNone {
		a.What = fmt.Sprintf("%s is %s and has not changed yet.", capital(c.Name), c.State)
		a.Cause = "Nothing has happened that would need a reason."
		a.Evidence = c.Present
		return a
	}
	a.ID, a.From, a.To, a.Reason, a.Wall = e.ID().String(), e.From, e.To, e.Reason, e.Wall
	verb := "went"
	if e.From == e.To {
		verb = "changed and stays"
	}
	a.What = fmt.Sprintf("%s %s %s at %s", capital(c.Name), verb, e.To, Time(e.Wall))
	if c.Now > e.Wall && e.Wall != 0 {
		a.What += ", " + Duration(time.Duration(c.Now-e.Wall)) + " ago"
	}
	if a.What += "."; c.State != e.To {
		a.What = strings.TrimSuffix(a.What, ".") + fmt.Sprintf("; it is %s now.", c.State)
	}
	a.Cause = c.cause()
	a.LookAt = lookAtCheck(e)
	a.Evidence = append(c.evidence(), c.Present...)
	steps := Case{Name: c.Subject.Name, Last: c.Last, Story: c.Story}
	a.Done = steps.done()
	a.Timeline = c.timeline(a.Done)
	return a
}

func (c *PoolCase) cause() string {
	e := &c.Last
	if e.Kind != event.ServiceQuorum {
		return capital(serverCause(e)) + "."
	}
	says := capital(quorumArithmetic(&e.Evidence.Check))
	for i := range c.Chain {
		if s := &c.Chain[i]; s.Kind == event.ServerState {
			return says + ". " + Sentence(s) + "."
		}
	}
	if e.Evidence.ObjectName != "" {
		says += fmt.Sprintf(". Real server %s went %s", e.Evidence.ObjectName, e.Evidence.ObjectState)
		if failed, known := checkFailures[e.Reason]; known {
			says += ": " + failed
		} else if k := &e.Evidence.Check; k.Checker != event.CheckerNone && e.To == event.Down {
			says += " by " + checker(k)
		}
	}
	return says + "."
}

// evidence is what the change rests on.
func (c *PoolCase) evidence() []Fact {
	var out []Fact
	k := &c.Last.Evidence.Check
	if k.Checker != event.CheckerNone {
		says := k.Checker.String()
		if k.Target.IsValid() {
			says += " of " + k.Target.String()
		}
		if phase := checkPhases[k.Phase]; phase != "" {
			says += ", while " + phase
		}
		out = append(out, Fact{"check", says})
	}
	if k.Failures > 0 {
		says := fmt.Sprintf("%d in a row, with %s allowed", k.Failures, count(int64(k.Retries), "retry", "retries"))
		if k.Since != 0 && k.Since <= c.Last.At {
			says += fmt.Sprintf("; the first ended %s before", Duration(c.Last.At.Sub(k.Since)))
		}
		out = append(out, Fact{"failures", says})
	}
	if times := phaseTimes(k); times != "" {
		out = append(out, Fact{"times", times})
	}
	if k.Weight != k.WeightNow {
		out = append(out, Fact{"weight", fmt.Sprintf("%d before, %d after", k.Weight, k.WeightNow)})
	}
	if k.Servers > 0 {
		out = append(out, Fact{"servers", fmt.Sprintf("%d of %d were up; %s", k.ServersUp, k.Servers, quorumArithmetic(k))})
	}
	if c.Last.Detail != "" {
		out = append(out, Fact{"said", c.Last.Detail})
	}
	return out
}

// phaseTimes lists how long the phases of an attempt took.
func phaseTimes(k *event.CheckEvidence) string {
	var parts []string
	for i, took := range k.Phases {
		if took > 0 {
			parts = append(parts, event.TimedPhase(i).String()+" "+Duration(took))
		}
	}
	if k.Total > 0 {
		parts = append(parts, "in all "+Duration(k.Total))
	}
	return strings.Join(parts, ", ")
}

func (c *PoolCase) timeline(done []Step) []Moment {
	e := &c.Last
	var out []Moment
	if k := &e.Evidence.Check; k.Since != 0 && k.Since < e.At && k.Failures > 1 {
		out = append(out, Moment{k.Since.Sub(e.At), MarkMissed, k.Checker.String() + " failed for the first time"})
	}
	for i := len(c.Chain) - 1; i >= 0; i-- {
		out = append(out, Moment{c.Chain[i].At.Sub(e.At), MarkDue, Sentence(&c.Chain[i])})
	}
	out = append(out, Moment{0, MarkTransition, fmt.Sprintf("%s to %s (%s)", named(e.From.String(), "start"), e.To, named(e.Reason.String(), "no reason"))})
	for _, s := range done {
		mark := MarkDone
		if !s.OK {
			mark = MarkFailed
		}
		out = append(out, Moment{s.After, mark, s.Says})
	}
	return out
}

// lookAtCheck says what to check next.
func lookAtCheck(e *event.Event) []string {
	target := "the server"
	if t := e.Evidence.Check.Target; t.IsValid() {
		target = t.String()
	}
	switch e.Reason { //nolint:exhaustive // the others need no hint
	case event.FailConnectRefused:
		return []string{"whether the program that serves " + target + " runs and listens at that address"}
	case event.FailConnectTimeout, event.FailConnectUnreachable:
		return []string{"the way to " + target + ": routes, firewalls, and whether the host is up", "whether other servers behind the same switch fail too"}
	case event.FailReadTimeout, event.FailConnectionClosed:
		return []string{"the load and the log of " + target}
	case event.FailTLSHandshake, event.FailTLSCertificate:
		return []string{"the certificate of " + target + ": when it expires, and for which names it is"}
	case event.FailHTTPStatus, event.FailDigest, event.FailBody:
		return []string{"what " + target + " answers to the same request"}
	case event.FailLocalResource:
		return []string{"this host: descriptors (ulimit -n), local ports, memory"}
	}
	return nil
}
