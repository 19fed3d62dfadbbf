// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package mib is what vigild serves over SNMP, twice: as modules that any MIB
// browser loads (*.txt), and as tables of names, numbers, syntax and access
// for the code that serves them. A test keeps the two the same.
//
// It is a leaf: snmp imports it, tests and tools may; it imports the standard
// library only. VIGIL-KEEPALIVED-COMPAT-MIB has the objects of keepalived's
// tree at their numbers and under their names, but a name of its own as a
// module, so that a station which has KEEPALIVED-MIB keeps using that.
// VIGIL-MIB is what keepalived has no object for.
//
// It must never hold a value, read a file at run time, or name an object that
// is not served.
package mib
