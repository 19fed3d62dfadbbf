// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// compatBody is the one line that keepalived's mail says, byte for byte: filters
// look for it.
func (n *notice) compatBody() string {
	switch n.scope {
	case scopeService:
		return n.quorumBody()
	case scopeServer:
		return n.serverBody()
	case scopeTest:
		return "This is a test. Nothing has happened."
	}
	if n.subject.Kind == event.SubjectGroup {
		if n.state == event.Stop {
			return "=> All VRRP group instances are now stopping <="
		}
		return "=> All VRRP group instances are now in " + n.state.String() + " state <="
	}
	switch n.state {
	case event.Master:
		return "=> VRRP Instance is now owning VRRP VIPs <="
	case event.Stop:
		return "=> VRRP Instance stopping <="
	case event.Deleted:
		return "=> VRRP Deleted at reload <="
	case event.Backup, event.Fault, event.Init, event.StateNone, event.Up, event.Down, event.Disabled, event.Unknown:
	}
	return "=> VRRP Instance is no longer owning VRRP VIPs <="
}

// quorumBody is about a virtual server: its quorum and hysteresis, the weight that
// was asked for, and the one there is. compat: a plus stands there in both cases.
func (n *notice) quorumBody() string {
	c := &n.ev.Evidence.Check
	first := n.ev.From == event.StateNone
	deed, asked := "Gained quorum", c.Quorum+c.Hysteresis
	switch {
	case n.state == event.Down && first:
		deed = "Starting with quorum down"
	case n.state == event.Down:
		deed, asked = "Lost quorum", c.Quorum-c.Hysteresis
	case first:
		deed = "Starting with quorum up"
	}
	alive := c.Alive
	if n.ev.To == event.Deleted {
		alive = 0 // compat: its servers went before it
	}
	return fmt.Sprintf("=> %s %d+%d=%d <= %d <=", deed, c.Quorum, c.Hysteresis, asked, alive)
}

// serverBody is about a real server, in the words of the check that decided.
func (n *notice) serverBody() string {
	up := n.state == event.Up
	switch {
	case n.ev.Reason == event.Shutdown:
		return "=> Shutting down <="
	case n.ev.To == event.Deleted:
		return "=> Removing <="
	}
	result := "failed"
	if up {
		result = "succeed"
	}
	switch c := n.ev.Evidence.Check.Checker; c {
	case event.CheckerTCP:
		return "=> TCP CHECK " + result + " on service <="
	case event.CheckerUDP:
		return "=> UDP CHECK " + result + " on service <="
	case event.CheckerPing:
		return "=> ICMP CHECK " + result + " on service <="
	case event.CheckerMisc:
		return "=> MISC CHECK " + result + " on service <="
	case event.CheckerDNS:
		return "=> DNS_CHECK: " + result + " on service <="
	case event.CheckerBFD:
		return "=> BFD CHECK " + strings.TrimSpace(n.ev.Evidence.ObjectName+" "+result) + " on service <="
	case event.CheckerHTTP, event.CheckerSSL:
		if !up {
			return "=> CHECK failed on service : HTTP request failed <="
		}
	case event.CheckerSMTP:
		if !up {
			return "=> CHECK failed on service : " + oneLine(n.ev.Detail) + " <="
		}
	case event.CheckerNone, event.CheckerFile, event.CheckerExpect:
		if !up {
			return "=> CHECK failed on service : " + n.ev.Reason.String() + " <="
		}
	}
	return "=> CHECK succeed on service <="
}
