// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Sentence says in one line what happened. It has no line break and no full
// stop at its end.
func Sentence(e *event.Event) string {
	name := e.Subject.Name
	switch e.Kind {
	case event.VRRPState, event.GroupState:
		return stateSentence(e)
	case event.VRRPAdvertRejected:
		return rejectSentence(e)
	case event.VRRPPriority:
		return prioritySentence(e)
	case event.VRRPConflict:
		return conflictSentence(e)
	case event.VRRPNearMiss:
		return fmt.Sprintf("%s nearly took over: the advert came with %s left on the master-down timer", name, Duration(e.Evidence.Margin))
	case event.VRRPSuspicion:
		return suspicionSentence(e)
	case event.AddressAdded, event.AddressRemoved, event.AddressLost:
		return addressSentence(e)
	case event.RouteLost:
		return lostSentence(e, fmt.Sprintf("%s %q", lostWord(e.Reason), e.Subject.Sub))
	case event.AnnounceSent:
		return step(e, fmt.Sprintf("%s announced its addresses %s: %s", name, moments[e.Reason], count(e.Count, "frame", "frames")))
	case event.InterfaceChanged:
		return fmt.Sprintf("Interface %s is %s", name, condition(e.To))
	case event.TrackChanged:
		if e.Subject.Kind == event.SubjectBFD {
			return sessionSentence(e)
		}
		return fmt.Sprintf("%s is %s", capital(object(e.Subject.Kind, name)), with(condition(e.To), e.Detail))
	case event.ExecDone:
		return execSentence(e)
	case event.NotifySent, event.NotifyFailed:
		return notifySentence(e)
	case event.ConfigLoaded:
		return with("The configuration was loaded in "+Duration(e.Took), e.Detail)
	case event.ConfigRejected:
		return with("The configuration was refused and the old one stays", e.Detail)
	case event.WorkerStarted:
		return fmt.Sprintf("The %s worker is up", name)
	case event.WorkerLost:
		return with(fmt.Sprintf("The %s worker was lost%s", name, because(e.Reason)), e.Detail)
	case event.LinkGap:
		return with(fmt.Sprintf("%s of %s were lost on the way", count(e.Count, "event", "events"), named(name, e.Origin.String())), e.Detail)
	case event.PrivilegeDenied:
		return with(fmt.Sprintf("The kernel refused the %s worker a privilege, and it goes on without", named(name, e.Origin.String())), e.Detail)
	case event.Stalled:
		if e.Subject.Kind == event.SubjectWorker {
			return with(fmt.Sprintf("The %s worker has not answered for %s", e.Subject.Name, Duration(e.Took)), e.Detail)
		}
		return with(fmt.Sprintf("The %s worker itself stood still for %s", e.Origin, Duration(e.Took)), e.Detail)
	case event.ClockStepped:
		return with("The wall clock was stepped by "+Duration(e.Took), e.Detail)
	case event.CheckOutcome, event.ServerState, event.ServiceQuorum, event.ServiceBrake, event.IPVSApplied:
		return poolSentence(e)
	case event.NotifyTest:
		return "A test of the channel " + strings.TrimSuffix(e.Subject.Name+" "+e.Subject.Sub, " ") + " was asked for; nothing has happened"
	case event.SettingChanged:
		if e.Subject.Kind == event.SubjectRealServer {
			return with(fmt.Sprintf("The weight of %s of %s was set to %d", e.Subject.Sub, name, e.Count), e.Detail)
		}
		return with(fmt.Sprintf("The setting %s of %s was set to %d until the next reload", e.Subject.Sub, name, e.Count), e.Detail)
	case event.KindNone:
		return plainSentence(e)
	}
	return plainSentence(e)
}

func stateSentence(e *event.Event) string {
	what := e.Subject.Name
	if e.Kind == event.GroupState {
		what = "Sync group " + e.Subject.Name
	}
	verb := "went from " + e.From.String() + " to " + e.To.String()
	switch {
	case e.Snapshot:
		verb = "is " + e.To.String()
	case e.From == event.StateNone:
		verb = "went to " + e.To.String()
	}
	if e.Kind == event.GroupState && e.Evidence.ObjectName != "" {
		return fmt.Sprintf("%s %s: %s went to %s (%s)", what, verb, member(e), memberState(e), e.Reason)
	}
	cause := Cause(e)
	return what + " " + verb + ": " + lower(cause[:len(cause)-1])
}

func rejectSentence(e *event.Event) string {
	s := fmt.Sprintf("%s refused an advert of %s because %s", named(e.Subject.Name, "The router"),
		who(e.Evidence.Peer, 0), named(refusals[e.Reason], "of "+e.Reason.String()))
	return s + wanted(&e.Evidence)
}

// wanted adds what was expected and what came.
func wanted(ev *event.Evidence) string {
	switch {
	case ev.Want != "" && ev.Got != "":
		return fmt.Sprintf(": it says %s, expected is %s", ev.Got, ev.Want)
	case ev.Got != "":
		return ": it says " + ev.Got
	case ev.Want != "":
		return ": expected is " + ev.Want
	}
	return ""
}

func prioritySentence(e *event.Event) string {
	switch {
	case e.Reason == event.ConflictOwner && e.Priority < 255:
		return fmt.Sprintf("%s stepped down to priority %d because %s claims to own its addresses too and does not give way",
			e.Subject.Name, e.Priority, who(e.Evidence.Peer, e.Evidence.PeerPriority))
	case e.Reason == event.ConflictOwner:
		return fmt.Sprintf("%s has its priority %d back: the other owner of its addresses is not heard any more", e.Subject.Name, e.Priority)
	}
	return fmt.Sprintf("%s has priority %d: %s", e.Subject.Name, e.Priority, Arithmetic(&e.Evidence))
}

func conflictSentence(e *event.Event) string {
	ev := &e.Evidence
	switch {
	case e.Reason == event.ConflictClaim && e.To == event.Down:
		return fmt.Sprintf("%s no longer hears a stranger speak for %s", e.Subject.Name, named(ev.ObjectName, "its address"))
	case e.Reason == event.ConflictMasters && e.To == event.Down:
		return fmt.Sprintf("%s no longer hears two masters", e.Subject.Name)
	case e.To == event.Down:
		return fmt.Sprintf("%s no longer hears another master", e.Subject.Name)
	case e.Reason == event.ConflictClaim:
		return fmt.Sprintf("%s is master, and yet %s speaks for %s (ARP or neighbour advertisement)",
			e.Subject.Name, named(ev.Got, "another host"), named(ev.ObjectName, "its address"))
	case e.Reason == event.ConflictMasters:
		return fmt.Sprintf("%s hears two masters at once; one of them is %s", e.Subject.Name, who(ev.Peer, ev.PeerPriority))
	}
	return fmt.Sprintf("%s is master and hears another master, %s, with a priority %s", e.Subject.Name,
		who(ev.Peer, ev.PeerPriority), named(precedences[e.Reason], "of its own"))
}

// suspicionSentence says why a takeover is held.
func suspicionSentence(e *event.Event) string {
	return fmt.Sprintf("%s holds its takeover for %s, because %s, and an advert may still be on its way", e.Subject.Name, Duration(e.Took), ownFault(&e.Evidence))
}

// ownFault says how late this process was.
func ownFault(ev *event.Evidence) string {
	if ev.Lateness >= ev.Stall {
		return "this process itself looked " + Duration(ev.Lateness) + " too late"
	}
	return "this process itself stood still for " + Duration(ev.Stall) + " before"
}

func addressSentence(e *event.Event) string {
	what := count(e.Count, "address", "addresses")
	if e.Subject.Sub != "" {
		what = e.Subject.Sub
	}
	name := named(e.Subject.Name, "vigild")
	switch e.Kind { //nolint:exhaustive // the caller passes these three
	case event.AddressAdded:
		if e.Failed() && e.Subject.Sub != "" {
			return step(e, fmt.Sprintf("%s could not add %s", name, what))
		}
		if e.Failed() {
			return step(e, fmt.Sprintf("%s could not add all addresses: %s went in", name, what))
		}
		return step(e, fmt.Sprintf("%s added %s", name, what))
	case event.AddressRemoved:
		if e.Failed() && e.Subject.Sub != "" {
			return step(e, fmt.Sprintf("%s could not remove %s", name, what))
		}
		if e.Failed() {
			return step(e, fmt.Sprintf("%s could not remove all addresses: %s went", name, what))
		}
		return step(e, fmt.Sprintf("%s removed %s", name, what))
	default:
		return step(e, lostSentence(e, named(e.Subject.Sub, "an address")))
	}
}

// lostSentence is about something that somebody else removed.
func lostSentence(e *event.Event, what string) string {
	if e.Subject.Kind == event.SubjectRouter {
		return "Somebody else removed the static " + what
	}
	if e.Kind == event.RouteLost {
		what = "the " + what
	}
	return fmt.Sprintf("Somebody else removed %s of %s", what, named(e.Subject.Name, "vigild"))
}

// lostWord is what somebody else removed.
func lostWord(why event.Reason) string {
	switch why { //nolint:exhaustive // the reasons of what others remove
	case event.RouteGone:
		return "route"
	case event.RuleGone:
		return "rule"
	default:
		return "address"
	}
}

// step ends a sentence about a step with its time and its failure.
func step(e *event.Event, s string) string {
	if e.Took > 0 {
		s += " in " + Duration(e.Took)
	}
	return with(s+because(e.Reason), e.Detail)
}

// because says how a step failed; empty for what did not.
func because(r event.Reason) string {
	if f, ok := failures[r]; ok {
		return ": " + f
	}
	return ""
}

func execSentence(e *event.Event) string {
	what := named(e.Subject.Sub, e.Subject.Name)
	if e.Failed() {
		return step(e, fmt.Sprintf("Program %s ended with %d", what, e.Count))
	}
	return step(e, fmt.Sprintf("Program %s ended well", what))
}

// deliveries say what a channel does, by its kind: what it delivers, that it
// did, and that it did not. A name or recipient is put in at the verb %s.
var deliveries = map[string][2]string{
	"script":    {"notify script%s ran", "notify script%s did not end well"},
	"fifo":      {"FIFO%s was written", "FIFO%s could not be written"},
	"smtp":      {"mail%s was delivered", "mail%s could not be delivered"},
	"webhook":   {"webhook%s was delivered", "webhook%s could not be delivered"},
	"snmp_trap": {"SNMP trap%s was sent", "SNMP trap%s could not be sent"},
}

func notifySentence(e *event.Event) string { return capital(delivery(e)) }

// delivery is the sentence of a delivery or of a failed attempt, in lower case.
func delivery(e *event.Event) string {
	kind, name, _ := strings.Cut(e.Subject.Name, ":")
	says, known := deliveries[kind]
	if !known {
		says, name = [2]string{"channel%s delivered", "channel%s could not deliver"}, e.Subject.Name
	}
	if e.Subject.Sub != "" {
		name = e.Subject.Sub
	}
	switch {
	case name == "":
	case kind == "smtp":
		name = " to " + name
	default:
		name = " " + name
	}
	if e.Kind == event.NotifySent {
		return step(e, fmt.Sprintf(says[0], name))
	}
	out := fmt.Sprintf(says[1], name)
	if e.Count > 1 {
		out += fmt.Sprintf(", attempt %d", e.Count)
	}
	return step(e, out)
}

// condition says a state of an object in lower case.
func condition(s event.State) string {
	switch s { //nolint:exhaustive // the states of a tracked object
	case event.Up:
		return "up"
	case event.Down:
		return "down"
	case event.Deleted:
		return "gone"
	case event.Unknown:
		return "not known yet"
	default:
		return s.String()
	}
}

func plainSentence(e *event.Event) string {
	s := e.Kind.String() + " of " + e.Subject.String()
	if e.To != event.StateNone {
		s += " is " + e.To.String()
	}
	return step(e, s)
}
