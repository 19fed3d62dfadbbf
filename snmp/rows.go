// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// column says how one object is rendered. The zero Value means that the row
// does not have it, which a manager sees as noSuchInstance.
type column[R any] struct {
	name  string
	value func(R) agentx.Value
}

// row is one row with its place in the name of every column.
type row[R any] struct {
	index agentx.OID
	of    R
}

// view is a table or a group of scalars.
type view interface {
	// render binds the view to a View; what it gives is made when it is asked for.
	render(v *ledger.View) agentx.Table
	// served lists the objects.
	served() []object
}

// object is a column or scalar with its number.
type object struct {
	oid agentx.OID
	mib mib.Object
}

// table is a view with one function for all rows and one for each column.
type table[R any] struct {
	rows    func(*ledger.View) []row[R]
	objects []object
	oids    []agentx.OID // of objects
	columns []column[R]
}

// newTable binds columns to the objects of a table of the module. The columns
// are all that the module lets a manager read, in its order; anything else is a
// mistake of this package, and panics.
func newTable[R any](m *mib.Module, name string, rows func(*ledger.View) []row[R], columns []column[R]) view {
	t, ok := m.Table(name)
	if !ok {
		panic("snmp: no table " + name + " in " + m.Name)
	}
	return makeTable(rows, columns, bind(m, t.Columns, columns))
}

// newScalars binds columns to the scalars of a group of the module.
func newScalars(m *mib.Module, name string, columns []column[*ledger.View]) view {
	g, ok := m.Group(name)
	if !ok {
		panic("snmp: no group " + name + " in " + m.Name)
	}
	one := func(v *ledger.View) []row[*ledger.View] { return []row[*ledger.View]{{agentx.NewOID(0), v}} }
	return makeTable(one, columns, bind(m, g.Objects, columns))
}

func makeTable[R any](rows func(*ledger.View) []row[R], columns []column[R], objects []object) view {
	t := &table[R]{rows: rows, columns: columns, objects: objects}
	for _, o := range objects {
		t.oids = append(t.oids, o.oid)
	}
	return t
}

func bind[R any](m *mib.Module, all []mib.Object, columns []column[R]) []object {
	var out []object
	for _, o := range all {
		if o.Access.Readable() {
			out = append(out, object{agentx.MustParseOID(m.OID(o.Name)), o})
		}
	}
	names := func(o object, c column[R]) int {
		if o.mib.Name == c.name {
			return 0
		}
		return 1
	}
	if slices.CompareFunc(out, columns, names) != 0 {
		panic(fmt.Sprintf("snmp: the %d columns from %s on are not those of %s", len(columns), columns[0].name, m.Name))
	}
	return out
}

func (t *table[R]) render(v *ledger.View) agentx.Table { return &rendered[R]{t, t.rows(v)} }

func (t *table[R]) served() []object { return t.objects }

// rendered is the rows of a table in one View.
type rendered[R any] struct {
	*table[R]
	list []row[R]
}

func (r *rendered[R]) Objects() []agentx.OID    { return r.oids }
func (r *rendered[R]) Rows() int                { return len(r.list) }
func (r *rendered[R]) Index(row int) agentx.OID { return r.list[row].index }
func (r *rendered[R]) Cell(object, row int) agentx.Value {
	return r.columns[object].value(r.list[row].of)
}

// counted gives the elements of a list the indices 1, 2, ... below prefix.
func counted[R any](out []row[R], prefix agentx.OID, list []R) []row[R] {
	for i, r := range list {
		out = append(out, row[R]{prefix.Append(uint32(i + 1)), r})
	}
	return out
}

// branch is a subtree that is registered by itself, with its views.
type branch struct {
	root  agentx.OID
	descr string
	views []view
	// asked says whether the configuration asks for it; always is -x.
	asked func(v *ledger.View, always bool) bool
}

// branches are all of them. compat: keepalived's tree in its branches, each of
// which a keyword asks for, and the settings with any of them.
var branches = []branch{
	{agentx.MustParseOID(mib.Keepalived + ".1"), "vigild: settings, as keepalived shows them", globalViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPVRRP || v.Global.SNMPChecker
	}},
	{agentx.MustParseOID(mib.Keepalived + ".2"), "vigild: VRRP, as keepalived shows it", vrrpViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPVRRP
	}},
	{agentx.MustParseOID(mib.Keepalived + ".3"), "vigild: virtual and real servers, as keepalived shows them", checkViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPChecker
	}},
	{agentx.MustParseOID(mib.RFC2787), "vigild: VRRP-MIB (RFC 2787)", rfc2787Views, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPRFC2
	}},
	{agentx.MustParseOID(mib.RFC6527), "vigild: VRRPV3-MIB (RFC 6527)", rfc6527Views, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPRFC3
	}},
	{vigilTree, "vigild: causes and evidence of transitions (VIGIL-MIB)", vigilViews, func(*ledger.View, bool) bool { return true }},
}

var vigilTree = agentx.MustParseOID(mib.VigilRoot)

var (
	globalViews  = []view{globalView, mailView, emailView}
	vrrpViews    = append([]view{groupView, memberView, instanceView, addressView, scriptView, fileView, processView, bfdView, routeView, ruleView, hopView}, trackViews...)
	checkViews   = []view{serviceGroupView, serviceMemberView, serviceView, serverView, syncView, timeoutView}
	rfc2787Views = []view{oldNodeView, oldRouterView, operView, oldAddressView, oldStatsView}
	rfc6527Views = []view{newRouterView, operationsView, newAddressView, newStatsView}
	vigilViews   = []view{systemView, storyView, heardView, rejectView, channelView}
)

// views returns all views.
func views() (out []view) {
	for _, b := range branches {
		out = slices.Concat(out, b.views)
	}
	return out
}

// Build binds all that is served to a View. It is pure: equal Views give equal
// Snapshots. The error is one of this package.
func Build(v *ledger.View) (*agentx.Snapshot, error) {
	if v == nil {
		v = &ledger.View{}
	}
	var tables []agentx.Table
	for _, w := range views() {
		tables = append(tables, w.render(v))
	}
	return agentx.NewTables(tables...)
}

// none is the object that a row does not have.
func none() agentx.Value { return agentx.Value{} }

// some is a text, or no object if it is empty.
func some(s string) agentx.Value {
	if s == "" {
		return none()
	}
	return agentx.Text(s)
}

// displayString is a text cut to the 255 octets that the type has room for,
// without cutting a character.
func displayString(s string) agentx.Value {
	for len(s) > 255 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return agentx.Text(s)
}

// programOf is the first word of a command line as the configuration shows it:
// words in apostrophes.
func programOf(line string) string {
	if rest, quoted := strings.CutPrefix(line, "'"); quoted {
		word, _, _ := strings.Cut(rest, "'")
		return word
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}

// yes is enabled(1) or disabled(2), which is also true(1) or false(2).
func yes(b bool) agentx.Value {
	if b {
		return agentx.Int(1)
	}
	return agentx.Int(2)
}

// seconds is a duration in whole seconds, rounded down (compat).
func seconds(d time.Duration) agentx.Value { return gauge(int64(d / time.Second)) }

// micros is a duration in microseconds; what does not fit is the nearest that does.
func micros(d time.Duration) agentx.Value { return gauge(d.Microseconds()) }

func gauge(n int64) agentx.Value {
	return agentx.Gauge(uint32(max(0, min(n, math.MaxUint32))))
}

// state is a value of VrrpState and VigilState.
func state(s event.State) agentx.Value {
	switch s {
	case event.StateNone, event.Init:
		return agentx.Int(0)
	case event.Backup:
		return agentx.Int(1)
	case event.Master:
		return agentx.Int(2)
	case event.Fault:
		return agentx.Int(3)
	case event.Stop:
		return agentx.Int(5)
	case event.Deleted:
		return agentx.Int(6)
	case event.Up, event.Down, event.Unknown, event.Disabled:
		return agentx.Int(4)
	}
	return agentx.Int(4)
}

// inetType is the InetAddressType of an address, no object if it is not valid.
func inetType(a netip.Addr) agentx.Value {
	switch {
	case !a.IsValid():
		return none()
	case a.Unmap().Is4():
		return agentx.Int(1)
	}
	return agentx.Int(2)
}

// inet is the InetAddress of an address, no object if it is not valid.
func inet(a netip.Addr) agentx.Value {
	if !a.IsValid() {
		return none()
	}
	return agentx.Bytes(a.Unmap().AsSlice())
}

// dateAndTime is a moment in nanoseconds since the Unix epoch as DateAndTime
// (RFC 2579) in UTC, no object for 0.
func dateAndTime(wall int64) agentx.Value {
	if wall == 0 {
		return none()
	}
	t := time.Unix(0, wall).UTC()
	b := binary.BigEndian.AppendUint16(nil, uint16(t.Year()))
	b = append(b, byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()),
		byte(t.Nanosecond()/100_000_000), '+', 0, 0)
	return agentx.Bytes(b)
}

// eventID is the identity of an event's story, no object if there is no event.
func eventID(e *event.Event) agentx.Value {
	if e.Kind == event.KindNone {
		return none()
	}
	return agentx.Text(e.ID().String())
}
