// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Cause says in one sentence why the transition e happened.
func Cause(e *event.Event) string {
	ev := &e.Evidence
	peer, priority := peerOf(ev)
	switch e.Reason { //nolint:exhaustive // the reasons of a transition; others have their own sentences
	case event.Startup:
		return startup(e)
	case event.MasterDownTimer:
		return silence(e)
	case event.PriorityZero:
		return fmt.Sprintf("%s announced that it gives up (priority 0): it was stopped, or it lost something that it tracks.", theMaster(peer, 0))
	case event.Preempt:
		return fmt.Sprintf("%s has a lower priority than this router%s, and this router is set to take over then.", theMaster(peer, priority), ours(e))
	case event.HigherPriority:
		return fmt.Sprintf("%s advertises a higher priority than this router%s, so this router stepped back.%s", capital(who(peer, priority)), ours(e), lowered(e))
	case event.HigherAddress:
		return fmt.Sprintf("%s advertises the same priority as this router and has the higher address, which decides a tie, so this router stepped back.", capital(who(peer, priority)))
	case event.Tracking, event.Interface:
		return followed(e)
	case event.AddressMissing:
		return addressMissing(e)
	case event.AddressDuplicate:
		return addressDuplicate(e)
	case event.AddressGone, event.RouteGone, event.RuleGone:
		return fmt.Sprintf("Somebody else removed %s from this host; this router gave the master role up and will ask for it again.", removedThing(e))
	case event.SyncGroup:
		return together(e)
	case event.Reload:
		return reloaded(e)
	case event.Shutdown:
		return "vigild was told to stop, so it gave everything up."
	case event.Resumed:
		return "The vrrp worker was restarted and took up the state that its predecessor had, before the peer could notice."
	case event.Observed:
		return "It was seen so when somebody was first heard: vigild only observes here."
	case event.Resigned:
		return "The observed router announced that it gives up (priority 0): it was stopped, or it lost something that it tracks."
	case event.Silent:
		return "Nobody who could be master is heard any more, and what became of the observed router is not known."
	case event.Admin:
		return with("A person asked for it", e.Detail) + "."
	default:
		return with("The reason given is "+named(e.Reason.String(), "none"), e.Detail) + "."
	}
}

// removed says whether a reason is that somebody else removed something of ours.
func removed(why event.Reason) bool {
	return why == event.AddressGone || why == event.RouteGone || why == event.RuleGone
}

// removedThing is what it was.
func removedThing(e *event.Event) string {
	switch name := e.Evidence.ObjectName; {
	case e.Reason == event.AddressGone:
		return named(name, "an address of this instance")
	case name == "":
		return "a " + lostWord(e.Reason) + " of this instance"
	default:
		return fmt.Sprintf("the %s %q", lostWord(e.Reason), name)
	}
}

// ours adds the own priority where it is known.
func ours(e *event.Event) string {
	own := e.Evidence.Effective
	if own == 0 {
		own = e.Priority
	}
	if own == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d)", own)
}

// lowered says what keeps the own priority below what it could be.
func lowered(e *event.Event) string {
	ev := &e.Evidence
	var bad []string
	for _, t := range ev.Terms[:min(int(ev.NTerm), event.TermMax)] {
		if t.Delta < 0 || t.Delta == 0 && !t.Up {
			bad = append(bad, fmt.Sprintf("%s is %s", object(t.Kind, t.Name), upDown(t)))
		}
	}
	if len(bad) == 0 {
		if ev.Base == 255 && ev.Effective < 255 && ev.Effective != 0 {
			return " Both routers are configured to own the addresses (priority 255), and the other one did not give way; so this one lowered its priority."
		}
		return ""
	}
	return fmt.Sprintf(" Its own priority is low because %s.", strings.Join(bad, " and "))
}

// theMaster begins a sentence about the former master.
func theMaster(a netip.Addr, priority uint8) string {
	if !a.IsValid() {
		return "The master"
	}
	return "The master " + who(a, priority)
}

func named(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

func startup(e *event.Event) string {
	switch {
	case e.To == event.Master && e.Priority == 255:
		return "vigild started, and this router owns the addresses (priority 255), so it took them at once."
	case e.To == event.Master:
		return "vigild started, and nobody with a higher priority was heard."
	case e.To == event.Fault:
		return fmt.Sprintf("vigild started, and %s is not in order.", object(e.Evidence.Object, e.Evidence.ObjectName))
	default:
		return "vigild started and listens for a master before it claims anything."
	}
}

// silence explains a master-down timer that ran out.
func silence(e *event.Event) string {
	ev := &e.Evidence
	switch ev.Refused { //nolint:exhaustive // of the refusals, only this one is not about an advert of ours
	case event.ReasonNone:
	case event.RejectVRID:
		return fmt.Sprintf("%s advertises the same addresses as %s, and here they are those of %s; so to this router there was no master.",
			capital(who(ev.Peer, 0)), ev.Got, ev.Want)
	default:
		return fmt.Sprintf("What arrived from %s was refused because %s%s; so to this router there was no master.",
			who(ev.Peer, 0), refusals[ev.Refused], with("", strings.TrimPrefix(wanted(ev), ": ")))
	}
	h, ok := ev.LastHeard()
	if !ok {
		return "No other master was heard before the master-down timer ran out."
	}
	limit := ""
	if ev.MasterDown > 0 {
		limit = ", and the limit is " + Duration(ev.MasterDown)
	}
	return fmt.Sprintf("%s fell silent: nothing came for %s%s%s.", theMaster(h.Source, h.Priority), Duration(e.At.Sub(h.At)), limit, lossy(ev))
}

// lossy says whether adverts were lost before the silence too, which speaks for
// the path to the master and not for its death.
func lossy(ev *event.Evidence) string {
	if ev.Lost == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of the %d adverts before that were lost too", ev.Lost, ev.Due)
}

// followed explains a tracked object or an interface.
func followed(e *event.Event) string {
	what := capital(object(e.Evidence.Object, e.Evidence.ObjectName))
	if e.Evidence.Object == event.SubjectNone && e.Reason == event.Interface {
		what = "An interface of this instance"
	}
	if e.To == event.Fault {
		switch e.Evidence.ObjectState { //nolint:exhaustive // the states of a tracked object
		case event.Deleted:
			return with(what+" vanished, and this instance cannot do without it", e.Detail) + "."
		case event.Unknown:
			return with(what+" has not reported yet, and this instance cannot do without it", e.Detail) + "."
		default:
			return with(with(what+" is down", whyDown(&e.Evidence))+", and this instance cannot do without it", e.Detail) + "."
		}
	}
	return with(what+" is up again; the instance starts over by listening for a master", e.Detail) + "."
}

// whyDown says how a tracked object came to be down, empty where that is all.
func whyDown(ev *event.Evidence) string {
	switch ev.Object { //nolint:exhaustive // the objects with more to say
	case event.SubjectFile:
		return fmt.Sprintf("it says %d", ev.ObjectValue)
	case event.SubjectProcess:
		return fmt.Sprintf("%d run", ev.ObjectValue)
	case event.SubjectScript:
	default:
		return ""
	}
	switch ev.ObjectWhy { //nolint:exhaustive // the ends of a program
	case event.FailExit:
		return fmt.Sprintf("it ended with status %d", ev.ObjectValue)
	case event.FailSignal:
		return fmt.Sprintf("it was ended by signal %d", ev.ObjectValue)
	case event.FailTimeout:
		return "it was ended after " + Duration(ev.ObjectTook) + " because it took too long"
	case event.FailSpawn:
		return "it could not be started"
	}
	return ""
}

func addressMissing(e *event.Event) string {
	where := "its interface"
	if e.Evidence.ObjectName != "" {
		where = e.Evidence.ObjectName
	}
	if e.To == event.Fault {
		return fmt.Sprintf("There is no address on %s to send adverts from.", where)
	}
	return fmt.Sprintf("There is an address on %s to send adverts from again.", where)
}

func addressDuplicate(e *event.Event) string {
	where := named(e.Evidence.ObjectName, "its interface")
	if e.To == event.Fault {
		return fmt.Sprintf("Another node on the link has the address that %s would send adverts from (duplicate address detection).", where)
	}
	return fmt.Sprintf("The address that %s sends adverts from is no longer another node's as well.", where)
}

func together(e *event.Event) string {
	if e.Evidence.ObjectName == "" {
		return "The instances of its sync group move together, and another one moved."
	}
	return fmt.Sprintf("The instances of its sync group move together, and %s went to %s.", member(e), memberState(e))
}

// member names the instance that moved a sync group.
func member(e *event.Event) string { return object(e.Evidence.Object, e.Evidence.ObjectName) }

func memberState(e *event.Event) event.State {
	if e.Evidence.ObjectState != event.StateNone {
		return e.Evidence.ObjectState
	}
	return e.To
}

func reloaded(e *event.Event) string {
	if e.To == event.Deleted {
		return "The new configuration no longer has this instance."
	}
	return with("The configuration was changed", e.Detail) + "."
}

// doubt says whether a pause of our own could have been mistaken for silence
// of the master; empty if not. A pause can matter once it is longer than the
// time between two adverts.
func doubt(e *event.Event) string {
	ev := &e.Evidence
	if e.Reason != event.MasterDownTimer {
		return ""
	}
	gap := ev.Interval
	if gap == 0 {
		gap = time.Second
	}
	what := ""
	switch {
	case ev.Stall >= gap:
		what = "stood still for " + Duration(ev.Stall)
	case ev.Lateness >= gap:
		what = "looked " + Duration(ev.Lateness) + " too late"
	default:
		return ""
	}
	held := ""
	if ev.Held > 0 {
		held = fmt.Sprintf(" The takeover was held for %s, in case an advert was on its way, and none came.", Duration(ev.Held))
	}
	return fmt.Sprintf("Careful: this process itself %s, longer than the %s between two adverts. What the kernel received meanwhile was "+
		"judged before the decision; but if the whole machine stood still, adverts were lost and the master may be well.", what, Duration(gap)) + held
}
