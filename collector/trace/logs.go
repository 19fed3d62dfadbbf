// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// missedMax bounds the log events about missed adverts of one transition.
const missedMax = 10

// eventName is the EventName of the log event for a kind; empty for kinds
// that are told as spans only.
func eventName(k event.Kind) string {
	switch k {
	case event.VRRPState:
		return "vigil.vrrp.state_change"
	case event.VRRPAdvertRejected:
		return "vigil.vrrp.advert_rejected"
	case event.VRRPPriority:
		return "vigil.vrrp.priority_change"
	case event.VRRPConflict:
		return "vigil.vrrp.conflict"
	case event.VRRPSuspicion:
		return "vigil.vrrp.self_suspicion"
	case event.VRRPNearMiss:
		return "vigil.vrrp.near_miss"
	case event.GroupState:
		return "vigil.sync_group.state_change"
	case event.AddressLost:
		return "vigil.vrrp.address_lost"
	case event.RouteLost:
		return "vigil.vrrp.route_lost"
	case event.InterfaceChanged:
		return "vigil.interface.state_change"
	case event.TrackChanged:
		return "vigil.track.state_change"
	case event.NotifyFailed:
		return "vigil.notify.failed"
	case event.ConfigLoaded, event.ConfigRejected:
		return "vigil.config.reload"
	case event.WorkerStarted:
		return "vigil.worker.started"
	case event.WorkerLost:
		return "vigil.worker.lost"
	case event.LinkGap:
		return "vigil.link.gap"
	case event.PrivilegeDenied:
		return "vigil.privilege.denied"
	case event.Stalled:
		return "vigil.stalled"
	case event.ClockStepped:
		return "vigil.clock.stepped"
	case event.ServerState:
		return "vigil.check.state_change"
	case event.ServiceQuorum:
		return "vigil.virtual_server.quorum_change"
	case event.ServiceBrake:
		return "vigil.virtual_server.brake"
	case event.IPVSApplied:
		return "vigil.ipvs.applied"
	case event.SettingChanged:
		return "vigil.setting.changed"
	case event.KindNone, event.AddressAdded, event.AddressRemoved, event.AnnounceSent, event.ExecDone, event.NotifySent,
		event.CheckOutcome, event.NotifyTest:
	}
	return ""
}

// scribe writes log events.
type scribe struct {
	log      log.Logger
	sentence func(*event.Event) string
}

// write tells one event, and the adverts that were missed before it.
func (s *scribe) write(e *event.Event, v *ledger.View) {
	name := eventName(e.Kind)
	if name == "" || e.Snapshot {
		return
	}
	attrs := append(subjectAttributes(e, v), changeAttributes(e)...)
	attrs = append(attrs, findingAttributes(e)...)
	if e.Detail != "" {
		attrs = append(attrs, attribute.String("vigil.detail", e.Detail))
	}
	span := e.Story().Span("", 0)
	if e.Kind == event.NotifyFailed {
		attrs = append(attrs, attribute.Int64("vigil.notify.attempt", e.Count))
		span = e.Story().DeliverySpan(e.Cause, e.Subject, e.Count)
	}
	body := e.Kind.String()
	if s.sentence != nil {
		body = s.sentence(e)
	}
	s.missed(e, v)
	s.emit(e, name, e.Severity(), e.Wall, span, body, attrs)
}

// missed tells when each advert was due that did not come before a transition.
func (s *scribe) missed(e *event.Event, v *ledger.View) {
	h, ok := e.Evidence.LastHeard()
	step := e.Evidence.Interval
	if e.Kind != event.VRRPState || e.Reason != event.MasterDownTimer || !ok || step <= 0 {
		return
	}
	end := e.At
	if e.Evidence.Deadline != 0 {
		end = min(end, e.Evidence.Deadline)
	}
	due := h.At.Add(step)
	for n := 1; n <= missedMax && due < end; n++ {
		attrs := append(
			subjectAttributes(e, v), attribute.String("network.peer.address", h.Source.String()), attribute.Int("vigil.vrrp.missed", n),
		)
		s.emit(e, "vigil.vrrp.advert_missed", event.Warn, e.Wall-int64(e.At.Sub(due)), e.Ref().Span("detect", 0), "an advert that was due did not come", attrs)
		due = due.Add(step)
	}
}

func (s *scribe) emit(e *event.Event, name string, how event.Severity, wall int64, span event.SpanID, body string, attrs []attribute.KeyValue) {
	var r log.Record
	r.SetEventName(name)
	r.SetTimestamp(time.Unix(0, wall))
	r.SetObservedTimestamp(time.Now())
	number, text := severity(how)
	r.SetSeverity(number)
	r.SetSeverityText(text)
	r.SetBody(attribute.StringValue(body))
	r.AddAttributes(attrs...)
	s.log.Emit(trace.ContextWithSpanContext(context.Background(), spanContext(e.Story(), span)), r)
}

func severity(s event.Severity) (log.Severity, string) {
	switch s {
	case event.Debug:
		return log.SeverityDebug, "DEBUG"
	case event.Info:
		return log.SeverityInfo, "INFO"
	case event.Warn:
		return log.SeverityWarn, "WARN"
	case event.Error:
	}
	return log.SeverityError, "ERROR"
}

// intake is the processor of the SDK that hands records to our batcher, which
// counts what it drops.
type intake struct{ b *batcher[sdklog.Record] }

func (intake) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (i intake) OnEmit(_ context.Context, r *sdklog.Record) error {
	i.b.put(r.Clone())
	return nil
}

func (intake) Shutdown(context.Context) error   { return nil }
func (intake) ForceFlush(context.Context) error { return nil }
