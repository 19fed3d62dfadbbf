// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// The names of keepalived's interface.
const (
	rootPath      = "/org/keepalived/Vrrp1"
	vrrpName      = "org.keepalived.Vrrp1.Vrrp"
	instanceName  = "org.keepalived.Vrrp1.Instance"
	propertyName  = "org.freedesktop.DBus.Properties"
	introspection = "org.freedesktop.DBus.Introspectable"
	peerName      = "org.freedesktop.DBus.Peer"
)

// Paths is what stands in paths between the root and the objects.
type Paths struct {
	// Namespace is net_namespace and Instance the configuration's instance name;
	// each is a part of the path if it is set (compat).
	Namespace, Instance string
	// NoInterface stands for the interface of an instance that has none.
	NoInterface string
}

func (p *Paths) base() string {
	parts := []string{rootPath}
	for _, part := range []string{p.Namespace, p.Instance} {
		if part != "" {
			parts = append(parts, valid(part))
		}
	}
	return strings.Join(parts, "/")
}

// vrrp is the path of the daemon.
func (p *Paths) vrrp() string { return p.base() + "/Vrrp" }

// instance is the path of an instance: its interface, VRID and family.
func (p *Paths) instance(r *event.InstanceRow) string {
	dev := r.Interface
	if dev == "" {
		dev = p.NoInterface
	}
	if dev == "" {
		dev = "none"
	}
	return fmt.Sprintf("%s/Instance/%s/%d/IPv%d", p.base(), valid(dev), r.Subject.VRID, r.Subject.Family)
}

// valid has an underscore for each character that a path cannot have (compat).
func valid(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
}

// code is the number that keepalived has for a state; ok is false if it has none.
func code(s event.State) (n uint32, word string, ok bool) {
	switch s {
	case event.Init, event.StateNone:
		return 0, "Init", true
	case event.Backup:
		return 1, "Backup", true
	case event.Master:
		return 2, "Master", true
	case event.Fault:
		return 3, "Fault", true
	case event.Deleted:
		return 97, "Deleted", true
	case event.Stop:
		return 98, "Stop", true
	case event.Up, event.Down, event.Disabled, event.Unknown:
	}
	return 0, "", false
}

// tree is the objects there are.
type tree struct {
	vrrp      string
	instances map[string]*ledger.Instance
}

func (p *Paths) tree(v *ledger.View) tree {
	t := tree{vrrp: p.vrrp(), instances: map[string]*ledger.Instance{}}
	if v != nil {
		for _, in := range v.Instances {
			t.instances[p.instance(&in.Row)] = in
		}
	}
	return t
}

// interfaces are those of the object at a path, beside the standard ones; ok is
// false if there is no object.
func (t *tree) interfaceOf(path string) (name string, ok bool) {
	if path == t.vrrp {
		return vrrpName, true
	}
	_, ok = t.instances[path]
	return instanceName, ok
}

// children are the names below a path.
func (t *tree) children(path string) (out []string) {
	prefix := strings.TrimSuffix(path, "/") + "/"
	add := func(p string) {
		if rest, below := strings.CutPrefix(p, prefix); below {
			name, _, _ := strings.Cut(rest, "/")
			out = append(out, name)
		}
	}
	add(t.vrrp)
	for p := range t.instances {
		add(p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const introspectHead = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
`

const standardInterfaces = `  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="out"/>
    </method>
    <method name="GetAll">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="a{sv}" name="properties" direction="out"/>
    </method>
    <method name="Set">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg type="s" name="interface_name"/>
      <arg type="a{sv}" name="changed_properties"/>
      <arg type="as" name="invalidated_properties"/>
    </signal>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg type="s" name="xml_data" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg type="s" name="machine_uuid" direction="out"/>
    </method>
  </interface>
`

const vrrpInterface = `  <interface name="org.keepalived.Vrrp1.Vrrp">
    <method name="PrintData">
    </method>
    <method name="PrintStats">
    </method>
    <method name="PrintStatsClear">
    </method>
    <method name="ReloadConfig">
    </method>
    <signal name="VrrpStarted">
    </signal>
    <signal name="VrrpReloaded">
    </signal>
    <signal name="VrrpStopped">
    </signal>
  </interface>
`

const instanceInterface = `  <interface name="org.keepalived.Vrrp1.Instance">
    <method name="SendGarp">
    </method>
    <signal name="VrrpStatusChange">
      <arg type="u" name="status">
      </arg>
    </signal>
    <property type="s" name="Name" access="read">
    </property>
    <property type="(us)" name="State" access="read">
    </property>
  </interface>
`

// introspect describes the object at a path.
func (t *tree) introspect(path string) string {
	var b strings.Builder
	b.WriteString(introspectHead)
	if name, ok := t.interfaceOf(path); ok {
		b.WriteString(standardInterfaces)
		if name == vrrpName {
			b.WriteString(vrrpInterface)
		} else {
			b.WriteString(instanceInterface)
		}
	}
	for _, name := range t.children(path) {
		fmt.Fprintf(&b, "  <node name=\"%s\"/>\n", name)
	}
	b.WriteString("</node>\n")
	return b.String()
}
