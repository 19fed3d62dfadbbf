// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package parent is the loop of the parent role: it starts the workers and
// starts them again, brings them configurations in two phases, passes the
// events of one to the others, and takes everything down in order.
//
// Only cmd and tests import it; it imports engine/run/role for what the roles have
// in common, and the engine.
//
// It must never speak a protocol or serve a stranger, and a worker that does
// not answer must never keep it from supervising the others.
package parent
