// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package config turns the tree of keepalived.conf into the settings of the engine, and vigil.yaml into how vigild is
// observed and run. One table of keywords (Keywords) drives parsing, suggestions, documentation and completion; every
// finding has a place, and all of them are reported.
//
// Only engine/run and cmd import it. It imports the packages whose settings it fills, and drives none of them.
//
// It must never start, watch or change anything: what it wants to know about the machine it asks through Environment,
// and the same tree in the same environment always gives the same configuration.
package config
