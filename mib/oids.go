// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package mib

import (
	"strconv"
	"strings"
)

// The roots of the two trees, in dotted numbers.
const (
	// Keepalived is the node keepalived: enterprises, debian, project 100, number 5.
	Keepalived = "1.3.6.1.4.1.9586.100.5"
	// VigilRoot is where our own modules stand; engine/decisions/0002 says why there.
	VigilRoot = "1.3.6.1.4.1.8072.9999.9999.1447642956"

	vigilMIB = VigilRoot + ".1"
)

// Syntax is the type of an object, under its name in the modules.
type Syntax uint8

// The types in use.
const (
	// Enumeration is an INTEGER with the named numbers of Object.Values.
	Enumeration Syntax = iota + 1
	Integer32
	Unsigned32
	Gauge32
	Counter32
	Counter64
	DisplayString
	TruthValue
	DateAndTime
	InetAddressType
	InetAddress
	InetAddressPrefixLength
	InetPortNumber
	InetScopeType
	InterfaceIndexOrZero
	VrrpState
	VigilState
	MacAddress
	IpAddress
	TimeStamp
	TimeTicks
	TimeInterval
	RowStatus
)

var syntaxNames = [...]string{
	"", "INTEGER", "Integer32", "Unsigned32", "Gauge32", "Counter32", "Counter64", "DisplayString", "TruthValue", "DateAndTime",
	"InetAddressType", "InetAddress", "InetAddressPrefixLength", "InetPortNumber", "InetScopeType",
	"InterfaceIndexOrZero", "VrrpState", "VigilState", "MacAddress", "IpAddress", "TimeStamp", "TimeTicks",
	"TimeInterval", "RowStatus",
}

// String returns the name of the type as a module writes it.
func (s Syntax) String() string {
	if int(s) < len(syntaxNames) {
		return syntaxNames[s]
	}
	return "Syntax(" + strconv.Itoa(int(s)) + ")"
}

// Wire is how a Syntax travels (RFC 2578 section 7.1).
type Wire uint8

// The kinds of value on the wire.
const (
	WireInteger Wire = iota + 1
	WireUnsigned
	WireCounter32
	WireCounter64
	WireOctets
	WireAddress
	WireTicks
)

// Wire returns how values of the type travel, 0 for no type.
func (s Syntax) Wire() Wire {
	switch s {
	case Enumeration, Integer32, TruthValue, InetAddressType, InetScopeType, InterfaceIndexOrZero, VrrpState, VigilState, TimeInterval, RowStatus:
		return WireInteger
	case Counter32:
		return WireCounter32
	case Unsigned32, Gauge32, InetAddressPrefixLength, InetPortNumber:
		return WireUnsigned
	case Counter64:
		return WireCounter64
	case IpAddress:
		return WireAddress
	case TimeStamp, TimeTicks:
		return WireTicks
	case DisplayString, DateAndTime, InetAddress, MacAddress:
		return WireOctets
	}
	return 0
}

// Access is what a manager may do with an object.
type Access uint8

// The kinds of access. NotAccessible is an index, which is in the name of the
// other columns; ForNotify is an object that only notifications carry; ReadWrite is
// one that a manager may set where that is enabled.
const (
	ReadOnly Access = iota
	NotAccessible
	ForNotify
	ReadWrite
)

var accessNames = [...]string{"read-only", "not-accessible", "accessible-for-notify", "read-write"}

// String returns the word after MAX-ACCESS.
func (a Access) String() string {
	if int(a) < len(accessNames) {
		return accessNames[a]
	}
	return "Access(" + strconv.Itoa(int(a)) + ")"
}

// Object is a scalar or a column.
type Object struct {
	// Number is its last sub-identifier: below the group, or below the entry.
	Number uint32
	Name   string
	Syntax Syntax
	Access Access
	// Values are the named numbers or the range, as the module writes them.
	Values string
}

// Group is scalars under one node.
type Group struct {
	Name    string
	OID     string
	Objects []Object
}

// Table is a table; its entry is number 1 below OID.
type Table struct {
	Name string
	OID  string
	// Index names the objects in the name of a row, in order.
	Index   []string
	Columns []Object
}

// Notification is a notification with the objects that it carries.
type Notification struct {
	Name    string
	OID     string
	Objects []string
}

// Module is everything that is served of one module.
type Module struct {
	// Name is the name of the module and, with .txt, of its file.
	Name          string
	Groups        []Group
	Tables        []Table
	Notifications []Notification
}

// Group returns the group of that name; ok is false if there is none.
func (m *Module) Group(name string) (g Group, ok bool) {
	for _, g := range m.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}

// Table returns the table of that name; ok is false if there is none.
func (m *Module) Table(name string) (t Table, ok bool) {
	for _, t := range m.Tables {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}

// Notification returns the notification of that name; ok is false if there is none.
func (m *Module) Notification(name string) (n Notification, ok bool) {
	for _, n := range m.Notifications {
		if n.Name == name {
			return n, true
		}
	}
	return Notification{}, false
}

// OID returns the number of a scalar or column without an instance, or of a
// notification; "" if the module has nothing of that name.
func (m *Module) OID(name string) string {
	for _, g := range m.Groups {
		if o, ok := named(g.Objects, name); ok {
			return under(g.OID, o.Number)
		}
	}
	for _, t := range m.Tables {
		if o, ok := named(t.Columns, name); ok {
			return under(t.OID, 1, o.Number)
		}
	}
	n, _ := m.Notification(name)
	return n.OID
}

// Readable says whether a manager may read an object of that access.
func (a Access) Readable() bool { return a == ReadOnly || a == ReadWrite }

// Column returns the column of that name; ok is false if there is none.
func (t *Table) Column(name string) (o Object, ok bool) { return named(t.Columns, name) }

// Entry returns the name of the row object: that of the table with Entry for Table.
func (t *Table) Entry() string { return strings.TrimSuffix(t.Name, "Table") + "Entry" }

func named(objects []Object, name string) (Object, bool) {
	for _, o := range objects {
		if o.Name == name {
			return o, true
		}
	}
	return Object{}, false
}

func under(oid string, numbers ...uint32) string {
	for _, n := range numbers {
		oid += "." + strconv.FormatUint(uint64(n), 10)
	}
	return oid
}
