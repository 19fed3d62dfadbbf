// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// kernel is a simulated table of IPVS.
type kernel struct {
	absent bool
	table  health.Table
	// refused are operations that fail, on one address or (empty) on any.
	refused map[event.IPVSOp]map[string]bool
}

func (k *kernel) find(key health.ServiceKey) *health.Entry {
	for i := range k.table {
		if k.table[i].Service.ServiceKey == key {
			return &k.table[i]
		}
	}
	return nil
}

// do does one operation; the errors are the kernel's.
func (k *kernel) do(o *health.Op) error {
	if k.absent {
		return fmt.Errorf("protocol not available")
	}
	if r := k.refused[o.Kind]; r != nil && (r[""] || r[o.Dest.Addr.String()]) {
		return fmt.Errorf("operation not permitted")
	}
	e := k.find(o.Service.ServiceKey)
	switch o.Kind {
	case event.IPVSFlush:
		k.table = nil
		return nil
	case event.IPVSAddService:
		if e != nil {
			return fmt.Errorf("file exists")
		}
		k.table = append(k.table, health.Entry{Service: o.Service})
		return nil
	case event.IPVSEditService, event.IPVSDelService, event.IPVSAddDest, event.IPVSEditDest, event.IPVSDelDest:
		if e == nil {
			return fmt.Errorf("no such process")
		}
		return k.within(e, o)
	case event.IPVSNone, event.IPVSRead, event.IPVSSync, event.IPVSTimeouts:
	}
	return fmt.Errorf("invalid argument")
}

// within does one operation on a service that is there.
func (k *kernel) within(e *health.Entry, o *health.Op) error {
	at := slices.IndexFunc(e.Dests, func(d health.Destination) bool { return d.Addr == o.Dest.Addr })
	switch o.Kind { //nolint:exhaustive // the others do not come here
	case event.IPVSEditService:
		e.Service = o.Service
		return nil
	case event.IPVSDelService:
		k.table = slices.DeleteFunc(k.table, func(x health.Entry) bool { return x.Service.ServiceKey == o.Service.ServiceKey })
		return nil
	case event.IPVSAddDest:
		if at >= 0 {
			return fmt.Errorf("file exists")
		}
		e.Dests = append(e.Dests, o.Dest)
		return nil
	}
	if at < 0 {
		return fmt.Errorf("no such file or directory")
	}
	if o.Kind == event.IPVSEditDest {
		e.Dests[at] = o.Dest
	} else {
		e.Dests = slices.Delete(e.Dests, at, at+1)
	}
	return nil
}

// read is the whole table, as a copy.
func (k *kernel) read() health.Table {
	out := make(health.Table, len(k.table))
	for i, e := range k.table {
		out[i] = health.Entry{Service: e.Service, Dests: slices.Clone(e.Dests)}
	}
	return out
}

// weighs says whether a service has a destination with weight.
func weighs(e *health.Entry) bool {
	return e != nil && slices.ContainsFunc(e.Dests, func(d health.Destination) bool { return d.Weight > 0 })
}

// batch does a Program. It is an error if a service that has a destination with
// weight before and after has none between: that is against the order of Diff.
func (k *kernel) batch(ops []health.Op) (failed []health.Failed, err error) {
	before := map[health.ServiceKey]bool{}
	hollow := map[health.ServiceKey]string{}
	for i := range k.table {
		before[k.table[i].Service.ServiceKey] = weighs(&k.table[i])
	}
	for i := range ops {
		o := &ops[i]
		if e := k.do(o); e != nil {
			failed = append(failed, health.Failed{Op: *o, Detail: e.Error()})
		}
		if key := o.Service.ServiceKey; before[key] && !weighs(k.find(key)) {
			hollow[key] = opText(o)
		}
	}
	for key, what := range hollow {
		if weighs(k.find(key)) && len(failed) == 0 {
			err = fmt.Errorf("%s leaves a service without a server that has some before and after", what)
		}
	}
	return failed, err
}
