// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

type globalColumn = column[*ledger.View]

var globalView = newScalars(&mib.Compat, "global", []globalColumn{
	{"version", func(v *ledger.View) agentx.Value { return agentx.Text(v.Global.Version) }},
	{"routerId", func(v *ledger.View) agentx.Value { return agentx.Text(v.Global.RouterID) }},
	{"trapEnable", func(v *ledger.View) agentx.Value { return yes(v.Global.Traps) }},
	// netlink(1), polling(2)
	{"linkBeat", func(v *ledger.View) agentx.Value { return yes(!v.Global.LinkbeatPolling) }},
	{"lvsFlush", func(v *ledger.View) agentx.Value { return yes(v.Global.LVSFlush) }},
	// All counters are kept with 64 bits.
	{"ipvs64BitStats", func(*ledger.View) agentx.Value { return yes(true) }},
	// compat: empty, not absent, without a namespace.
	{"netNamespace", func(v *ledger.View) agentx.Value { return agentx.Text(v.Global.NetNamespace) }},
	{"dbus", func(v *ledger.View) agentx.Value { return yes(v.Global.DBus) }},
	{"dynamicInterfaces", func(v *ledger.View) agentx.Value { return yes(v.Global.DynamicInterfaces) }},
	{"lvsFlushOnStop", func(v *ledger.View) agentx.Value { return flushOnStop(v.Global.LVSFlushOnStop) }},
	{"v3ChecksumAsV2", func(v *ledger.View) agentx.Value { return yes(v.Global.V3ChecksumAsV2) }},
})

var mailView = newScalars(&mib.Compat, "mail", []globalColumn{
	{"smtpServerAddressType", func(v *ledger.View) agentx.Value { return mailServerType(v.Global.SMTPServer) }},
	{"smtpServerAddress", func(v *ledger.View) agentx.Value { return mailServer(v.Global.SMTPServer) }},
	{"smtpServerTimeout", func(v *ledger.View) agentx.Value {
		if v.Global.SMTPServer == "" {
			return gauge(0) // compat: the default is set together with the server
		}
		return seconds(v.Global.SMTPTimeout)
	}},
	{"emailFrom", func(v *ledger.View) agentx.Value { return some(v.Global.EmailFrom) }},
	{"smtpServerPort", func(v *ledger.View) agentx.Value {
		if v.Global.SMTPServer == "" {
			return gauge(0) // compat: as the timeout
		}
		return gauge(int64(v.Global.SMTPPort))
	}},
	{"smtpEmailFaults", func(v *ledger.View) agentx.Value { return yes(v.Global.EmailFaults) }},
	{"smtpEmailSmtpAlert", func(v *ledger.View) agentx.Value { return tri(v.Global.SMTPAlert) }},
	{"smtpEmailSmtpAlertVrrp", func(v *ledger.View) agentx.Value { return tri(v.Global.SMTPAlertVRRP) }},
	{"smtpEmailSmtpAlertChecker", func(v *ledger.View) agentx.Value { return tri(v.Global.SMTPAlertChecker) }},
})

var emailView = newTable(&mib.Compat, "emailTable",
	func(v *ledger.View) []row[string] { return counted(nil, agentx.OID{}, v.Global.Emails) },
	[]column[string]{{"emailAddress", agentx.Text}})

// mailServerType is the kind of the mail server's address. compat: without a
// server it is ipv6(2). A server known by name is dns(16): keepalived resolves
// names when it reads its configuration and shows the address.
func mailServerType(server string) agentx.Value {
	a, err := netip.ParseAddr(server)
	switch {
	case err == nil:
		return inetType(a)
	case server == "":
		return agentx.Int(2)
	}
	return agentx.Int(16)
}

// mailServer is the mail server's address. compat: without a server it is four
// octets of zero.
func mailServer(server string) agentx.Value {
	a, err := netip.ParseAddr(server)
	switch {
	case err == nil:
		return inet(a)
	case server == "":
		return agentx.Text("\x00\x00\x00\x00")
	}
	return agentx.Text(server)
}

// flushOnStop is enabled(1), disabled(2) or flushVS(3), after the words of
// lvs_flush_on_stop.
func flushOnStop(word string) agentx.Value {
	switch word {
	case "", "no":
		return agentx.Int(2)
	case "VS":
		return agentx.Int(3)
	}
	return agentx.Int(1)
}

// tri is on(1), off(2) or unset(3).
func tri(t event.Tri) agentx.Value {
	switch t {
	case event.TriOn:
		return agentx.Int(1)
	case event.TriOff:
		return agentx.Int(2)
	case event.TriUnset:
	}
	return agentx.Int(3)
}
