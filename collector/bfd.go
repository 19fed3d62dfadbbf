// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net/netip"
	"strconv"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// bfd emits one BFD session.
func bfd(m *emitter, o *ledger.Object) {
	name, s := o.Subject.Name, o.BFD
	for _, state := range []event.State{event.Down, event.Init, event.Up} {
		m.truth("vigil_bfd_session_state", o.State == state, name, stateLabel(state))
	}
	if s == nil {
		return // nobody has described it or said anything yet
	}
	m.number("vigil_bfd_session_info", 1, name, addressLabel(s.Row.Neighbor), addressLabel(s.Row.Source), strconv.FormatBool(s.Row.Multihop))
	for i, t := range event.BFDTransitions()[:len(s.Transitions)] {
		m.number("vigil_bfd_transitions_total", float64(s.Transitions[i]), name, stateLabel(t.From), stateLabel(t.To), t.Reason.String())
	}
	y := &s.Tally
	m.seconds("vigil_bfd_detection_time_seconds", y.Detection, name)
	m.seconds("vigil_bfd_transmit_interval_seconds", y.TxInterval, name)
	m.number("vigil_bfd_packets_sent_total", float64(y.Sent), name)
	m.number("vigil_bfd_packets_received_total", float64(y.Received), name)
	m.number("vigil_bfd_packets_refused_total", float64(y.Refused), name)
	m.number("vigil_bfd_send_errors_total", float64(y.SendErrors), name)
}

// addressLabel is an address, empty if there is none.
func addressLabel(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
