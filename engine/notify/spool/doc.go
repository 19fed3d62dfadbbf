// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package spool keeps messages on the disk until they are delivered, so that they
// survive a restart.
//
// engine/notify uses it. It imports only event.
//
// It must never make whoever tells it something wait for the disk, never hold more
// than it may, and never lose a message without counting and telling it.
package spool
