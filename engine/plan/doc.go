// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package plan says what a reload would do before it is done: it puts the
// machines that the daemon runs (engine/vrrp, engine/health) into the state that
// the daemon is in, hands them the other configuration, and writes down what they
// then want done and say. So a plan cannot think differently of a reload than the
// reload itself.
//
// vigilctl plan and vigilctl reload import it; it imports the machines and the
// simulated network (engine/simulate), on which a peer answers.
//
// It must never do I/O or read a clock, and never decide by itself what is
// added, removed or kept: the machines do.
package plan
