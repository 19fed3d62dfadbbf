// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package lint finds what is wrong between the routers of a cluster: each
// configuration may be right by itself, and yet routers do not understand one
// another, or the addresses do not go where they should.
//
// vigilctl config lint imports it; it imports the configuration and the settings
// that it fills.
//
// It must never read a file or look at the machine that it runs on: the routers
// are others.
package lint
