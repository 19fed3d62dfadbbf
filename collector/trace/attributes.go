// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// Attributes of our own are in the namespace vigil; durations are in seconds.

// subjectAttributes says what an event is about.
func subjectAttributes(e *event.Event, v *ledger.View) []attribute.KeyValue {
	s := e.Subject
	switch s.Kind {
	case event.SubjectInstance:
		return instanceAttributes(s, v)
	case event.SubjectGroup:
		return []attribute.KeyValue{attribute.String("vigil.sync_group", s.Name)}
	case event.SubjectInterface:
		return []attribute.KeyValue{attribute.String("network.interface.name", s.Name)}
	case event.SubjectVirtualServer:
		return []attribute.KeyValue{attribute.String("vigil.virtual_server", s.Name)}
	case event.SubjectRealServer:
		return []attribute.KeyValue{attribute.String("vigil.virtual_server", s.Name), attribute.String("vigil.real_server", s.Sub)}
	case event.SubjectChannel:
		out := []attribute.KeyValue{attribute.String("vigil.notify.channel", s.Name)}
		if s.Sub != "" {
			out = append(out, attribute.String("vigil.notify.name", s.Sub))
		}
		return out
	case event.SubjectScript, event.SubjectFile, event.SubjectProcess, event.SubjectBFD, event.SubjectWorker,
		event.SubjectConfig, event.SubjectRouter:
		return []attribute.KeyValue{attribute.String("vigil.subject.kind", s.Kind.String()), attribute.String("vigil.subject.name", s.Name)}
	case event.SubjectNone:
	}
	return nil
}

func instanceAttributes(s event.Subject, v *ledger.View) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.String("vigil.vrrp.instance", s.Name),
		attribute.Int("vigil.vrrp.vrid", int(s.VRID)),
		attribute.String("network.protocol.name", "vrrp"),
	}
	if s.Family != 0 {
		out = append(out, attribute.String("network.type", "ipv"+strconv.Itoa(int(s.Family))))
	}
	in := find(v, s)
	if in == nil {
		return out
	}
	out = append(
		out,
		attribute.String("network.protocol.version", strconv.Itoa(int(in.Row.Version))),
		attribute.String("network.interface.name", in.Row.Interface),
		attribute.Int("vigil.vrrp.address.count", len(in.Addresses)),
	)
	if in.Row.SyncGroup != "" {
		out = append(out, attribute.String("vigil.sync_group", in.Row.SyncGroup))
	}
	return out
}

func find(v *ledger.View, s event.Subject) *ledger.Instance {
	if v == nil {
		return nil
	}
	i := slices.IndexFunc(v.Instances, func(in *ledger.Instance) bool { return in.Row.Subject == s })
	if i < 0 {
		return nil
	}
	return v.Instances[i]
}

// changeAttributes says what changed and why.
func changeAttributes(e *event.Event) []attribute.KeyValue {
	space := "vigil."
	switch e.Subject.Kind {
	case event.SubjectInstance:
		space = "vigil.vrrp."
	case event.SubjectGroup:
		space = "vigil.sync_group."
	case event.SubjectNone, event.SubjectInterface, event.SubjectScript, event.SubjectFile, event.SubjectProcess, event.SubjectBFD,
		event.SubjectVirtualServer, event.SubjectRealServer, event.SubjectWorker, event.SubjectConfig, event.SubjectChannel,
		event.SubjectRouter:
	}
	var out []attribute.KeyValue
	if e.From != event.StateNone {
		out = append(out, attribute.String(space+"state.from", e.From.String()))
	}
	if e.To != event.StateNone {
		out = append(out, attribute.String(space+"state.to", e.To.String()))
	}
	switch {
	case e.Failed():
		out = append(out, attribute.String("error.type", e.Reason.String()))
	case e.Reason != event.ReasonNone:
		out = append(out, attribute.String(space+"reason", e.Reason.String()))
	}
	if e.Priority != 0 {
		out = append(out, attribute.Int("vigil.vrrp.priority", int(e.Priority)))
	}
	return out
}

// detectAttributes says what was known of the master that fell silent.
func detectAttributes(v *event.Evidence) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.Float64("vigil.vrrp.advert_interval", v.Interval.Seconds()),
		attribute.Float64("vigil.vrrp.skew", v.Skew.Seconds()),
		attribute.Float64("vigil.vrrp.master_down_interval", v.MasterDown.Seconds()),
	}
	if h, ok := v.LastHeard(); ok {
		out = append(
			out,
			attribute.String("network.peer.address", h.Source.String()),
			attribute.Int("vigil.vrrp.peer.priority", int(h.Priority)),
			attribute.Float64("vigil.vrrp.margin", v.Margin.Seconds()),
		)
	}
	return out
}

// decideAttributes says how the decision came about.
func decideAttributes(e *event.Event) []attribute.KeyValue {
	v := &e.Evidence
	out := []attribute.KeyValue{
		attribute.String("vigil.vrrp.reason", e.Reason.String()),
		attribute.Int("vigil.vrrp.priority", int(e.Priority)),
		attribute.Float64("vigil.vrrp.lateness", v.Lateness.Seconds()),
	}
	if v.Base != 0 {
		out = append(out, attribute.Int("vigil.vrrp.priority.base", int(v.Base)))
	}
	if v.Stall != 0 {
		out = append(out, attribute.Float64("vigil.vrrp.stall", v.Stall.Seconds()))
	}
	if v.Held != 0 {
		out = append(out, attribute.Float64("vigil.vrrp.held", v.Held.Seconds()))
	}
	if v.Peer.IsValid() {
		out = append(out, attribute.String("network.peer.address", v.Peer.String()), attribute.Int("vigil.vrrp.peer.priority", int(v.PeerPriority)))
	}
	var terms []string
	for _, t := range v.Terms[:min(v.NTerm, event.TermMax)] {
		terms = append(terms, fmt.Sprintf("%s %s %+d", t.Kind, t.Name, t.Delta))
	}
	if len(terms) > 0 {
		out = append(out, attribute.StringSlice("vigil.vrrp.priority.terms", terms))
	}
	if v.Object != event.SubjectNone {
		out = append(
			out,
			attribute.String("vigil.vrrp.object.kind", v.Object.String()),
			attribute.String("vigil.vrrp.object.name", v.ObjectName),
			attribute.String("vigil.vrrp.object.state", v.ObjectState.String()),
		)
	}
	return out
}

// findingAttributes says what was found about another router, or about this one,
// beside the transitions.
func findingAttributes(e *event.Event) []attribute.KeyValue {
	v := &e.Evidence
	var out []attribute.KeyValue
	switch e.Kind { //nolint:exhaustive // the others explain themselves
	case event.VRRPConflict, event.VRRPAdvertRejected, event.VRRPNearMiss, event.VRRPSuspicion:
	default:
		return nil
	}
	if v.Peer.IsValid() {
		out = append(out, attribute.String("network.peer.address", v.Peer.String()), attribute.Int("vigil.vrrp.peer.priority", int(v.PeerPriority)))
	}
	for _, x := range []struct {
		key  string
		took time.Duration
	}{{"vigil.vrrp.margin", v.Margin}, {"vigil.vrrp.lateness", v.Lateness}, {"vigil.vrrp.stall", v.Stall}, {"vigil.vrrp.held", v.Held}} {
		if x.took != 0 {
			out = append(out, attribute.Float64(x.key, x.took.Seconds()))
		}
	}
	for _, x := range []struct{ key, text string }{
		{"vigil.vrrp.expected", v.Want}, {"vigil.vrrp.found", v.Got}, {"vigil.vrrp.object.name", v.ObjectName},
	} {
		if x.text != "" {
			out = append(out, attribute.String(x.key, x.text))
		}
	}
	return out
}

// deliveryAttributes says how something was told, and where.
func (o *Options) deliveryAttributes(e *event.Event) []attribute.KeyValue {
	out := append(subjectAttributes(e, nil), attribute.Int64("vigil.notify.attempt", e.Count))
	switch e.Subject.Name {
	case "webhook":
		out = append(out, attribute.String("http.request.method", "POST"))
		if e.Count > 1 {
			out = append(out, attribute.Int64("http.request.resend_count", e.Count-1))
		}
		if u, err := url.Parse(o.URLs[e.Subject.Sub]); err == nil && u.Host != "" {
			out = append(out, attribute.String("url.full", u.Redacted()), attribute.String("server.address", u.Hostname()))
			if port, err := strconv.Atoi(u.Port()); err == nil {
				out = append(out, attribute.Int("server.port", port))
			}
		}
	case "smtp":
		if o.MailServer != "" {
			out = append(out, attribute.String("server.address", o.MailServer))
		}
	}
	return out
}
