// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"os"
	"strings"

	"github.com/vigild/vigild/engine/sys/dbus"
)

// Act is what a method asks for.
type Act string

// What the methods ask for.
const (
	// PrintData, PrintStats and PrintStatsClear write the files that signals write.
	PrintData       Act = "print_data"
	PrintStats      Act = "print_stats"
	PrintStatsClear Act = "print_stats_clear"
	// ReloadConfig reads the configuration anew.
	ReloadConfig Act = "reload"
	// SendGarp announces the addresses of one instance.
	SendGarp Act = "garp"
)

var vrrpMethods = map[string]Act{
	"PrintData": PrintData, "PrintStats": PrintStats, "PrintStatsClear": PrintStatsClear, "ReloadConfig": ReloadConfig,
}

// The errors that GDBus, and with it keepalived, answers.
const (
	unknownMethod = "org.freedesktop.DBus.Error.UnknownMethod"
	invalidArgs   = "org.freedesktop.DBus.Error.InvalidArgs"
	limits        = "org.freedesktop.DBus.Error.LimitsExceeded"
	noMachine     = "org.freedesktop.DBus.Error.Failed"
)

// refusal is a call that is answered with an error.
type refusal struct{ name, text string }

func refuse(name, format string, args ...any) *refusal {
	return &refusal{name, fmt.Sprintf(format, args...)}
}

// reply is the body of an answer.
type reply struct {
	signature string
	w         dbus.Writer
}

// answer answers a method call. It depends on nothing but the call and the
// objects, but for acts, which are handed to do.
func (t *tree) answer(m *dbus.Message, do func(act Act, instance string) bool) *dbus.Message {
	out := &dbus.Message{Type: dbus.Return, Flags: dbus.NoAutoStart, Destination: m.Sender, Reply: m.Serial}
	var r reply
	if bad := t.call(m, &r, do); bad != nil {
		out.Type, out.ErrorName = dbus.Error, bad.name
		r = reply{signature: "s"}
		r.w.String(bad.text)
	}
	out.Signature, out.Body = r.signature, r.w.Bytes()
	return out
}

func (t *tree) call(m *dbus.Message, r *reply, do func(Act, string) bool) *refusal {
	switch m.Interface {
	case peerName:
		return peer(m, r)
	case introspection:
		if bad := expect(m, m.Member == "Introspect", ""); bad != nil {
			return bad
		}
		r.signature = "s"
		r.w.String(t.introspect(m.Path))
		return nil
	}
	own, exists := t.interfaceOf(m.Path)
	switch {
	case !exists:
		return refuse(unknownMethod, "Object does not exist at path “%s”", m.Path)
	case m.Interface == propertyName:
		return t.property(m, r, own)
	case m.Interface != own && m.Interface != "":
		return refuse(unknownMethod, "No such interface “%s” on object at path %s", m.Interface, m.Path)
	}
	act, known := vrrpMethods[m.Member]
	name := ""
	if own == instanceName {
		act, known, name = SendGarp, m.Member == "SendGarp", t.instances[m.Path].Row.Subject.Name
	}
	if bad := expect(m, known, ""); bad != nil {
		return bad
	}
	if !do(act, name) {
		return refuse(limits, "Too many requests wait")
	}
	return nil
}

// expect refuses a method that does not exist or has other arguments.
func expect(m *dbus.Message, known bool, signature string) *refusal {
	switch {
	case !known:
		return refuse(unknownMethod, "No such method “%s”", m.Member)
	case m.Signature != signature:
		return refuse(invalidArgs, "Type of message, “(%s)”, does not match expected type “(%s)”", m.Signature, signature)
	}
	return nil
}

// peer answers for any path (specification, org.freedesktop.DBus.Peer).
func peer(m *dbus.Message, r *reply) *refusal {
	switch m.Member {
	case "Ping":
		return expect(m, true, "")
	case "GetMachineId":
		if bad := expect(m, true, ""); bad != nil {
			return bad
		}
		for _, path := range []string{"/var/lib/dbus/machine-id", "/etc/machine-id"} {
			if text, err := os.ReadFile(path); err == nil && len(text) >= 32 {
				r.signature = "s"
				r.w.String(strings.ToValidUTF8(string(text[:32]), "?"))
				return nil
			}
		}
		return refuse(noMachine, "This machine has no id")
	}
	return expect(m, false, "")
}

var propertySignatures = map[string]string{"Get": "ss", "GetAll": "s", "Set": "ssv"}

// property answers org.freedesktop.DBus.Properties.
func (t *tree) property(m *dbus.Message, r *reply, own string) *refusal {
	signature, known := propertySignatures[m.Member]
	if !known { // compat: GDBus speaks of the interface then
		return refuse(unknownMethod, "No such interface “%s” on object at path %s", m.Interface, m.Path)
	}
	if bad := expect(m, known, signature); bad != nil {
		return bad
	}
	args := m.Args()
	of, name := args.String(), ""
	if m.Member != "GetAll" {
		name = args.String()
	}
	if args.Err() != nil {
		return refuse(invalidArgs, "The arguments are not what they say")
	}
	if of != own {
		return refuse(invalidArgs, "No such interface “%s”", of)
	}
	if m.Member == "GetAll" {
		r.signature = "a{sv}"
		r.w.Array(8, func() {
			for _, name := range propertiesOf(own) {
				r.w.Struct()
				r.w.String(name)
				t.value(m.Path, name, r)
			}
		})
		return nil
	}
	switch has := own == instanceName && (name == "Name" || name == "State"); {
	case !has:
		return refuse(invalidArgs, "No such property “%s”", name)
	case m.Member == "Set":
		return refuse(invalidArgs, "Property “%s” is not writable", name)
	}
	r.signature = "v"
	t.value(m.Path, name, r)
	return nil
}

func propertiesOf(own string) []string {
	if own == instanceName {
		return []string{"Name", "State"}
	}
	return nil
}

// value writes the variant of a property. compat: Name is declared a string and
// is a structure of one.
func (t *tree) value(path, name string, r *reply) {
	in := t.instances[path]
	if name == "Name" {
		r.w.Signature("(s)")
		r.w.Struct()
		r.w.String(strings.ToValidUTF8(in.Row.Subject.Name, "?"))
		return
	}
	n, word, _ := code(in.State)
	r.w.Signature("(us)")
	r.w.Struct()
	r.w.Uint32(n)
	r.w.String(word)
}
