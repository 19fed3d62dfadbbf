// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrUnavailable is what a kernel without IPVS gives: the module ip_vs is not
// loaded, or there is none. It does not load itself.
var ErrUnavailable = errors.New("the kernel has no IPVS")

// ErrUnknown is the outcome of a change whose answer was lost. It may have been
// made: only the table can tell.
var ErrUnknown = errors.New("the answer of the kernel was lost")

// Verb is what an [Op] does.
type Verb uint8

// The verbs. Destination verbs use Key and Destination of an Op; those that
// delete, and Zero, use the keys only.
const (
	AddService Verb = iota
	EditService
	DeleteService
	AddDestination
	EditDestination
	DeleteDestination
	Zero // the counters of one service and its destinations

	verbs = iota
)

// String is the verb as it stands before the name of what it is done to.
func (v Verb) String() string {
	switch v {
	case AddService:
		return "add service"
	case EditService:
		return "edit service"
	case DeleteService:
		return "delete service"
	case AddDestination:
		return "add destination"
	case EditDestination:
		return "edit destination"
	case DeleteDestination:
		return "delete destination"
	case Zero:
		return "zero service"
	}
	return fmt.Sprintf("verb %d", uint8(v))
}

// Op is one change of the table.
type Op struct {
	Verb        Verb
	Service     Service
	Destination Destination
}

// String is the change in words, for people.
func (o *Op) String() string {
	switch o.Verb {
	case AddDestination, EditDestination, DeleteDestination:
		return o.Verb.String() + " " + o.Service.Key.String() + " -> " + o.Destination.String()
	case AddService, EditService, DeleteService, Zero:
	}
	return o.Verb.String() + " " + o.Service.Key.String()
}

// OpError is a change that the kernel refused; errors.Is finds its errno.
type OpError struct {
	Op  Op
	Err error
}

// Error names the change and, where the number alone would mislead, what the
// kernel means by it.
func (e *OpError) Error() string { return e.Op.String() + ": " + meaning(e.Op.Verb, e.Err) }

// Unwrap is the error of the kernel.
func (e *OpError) Unwrap() error { return e.Err }

// meaning is what the kernel says with an error of a change.
func meaning(v Verb, err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	switch {
	case no == syscall.ESRCH:
		return "no such service"
	case no == syscall.EEXIST && v == AddService:
		return "there is such a service"
	case no == syscall.EEXIST:
		return "the service has such a destination"
	case no == syscall.ENOENT && (v == AddService || v == EditService):
		return "the kernel has no such scheduler or persistence engine"
	case no == syscall.ENOENT:
		return "no such destination"
	case no == syscall.EINVAL && v == AddDestination:
		// Not unicast, as the kernel's routes see it; a service of another family.
		return "invalid argument: the address cannot be that of a destination of this service"
	case no == syscall.ERANGE:
		return "weight or thresholds are out of range"
	case no == syscall.EAFNOSUPPORT:
		return "the kernel's IPVS does not know this address family"
	case no == syscall.EPROTONOSUPPORT:
		return "the kernel's IPVS does not know this protocol"
	}
	return err.Error()
}
