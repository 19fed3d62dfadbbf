// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package syntax is the language of keepalived.conf: it turns text into an ordered tree of statements, each word of
// which still knows its file, line and column. It resolves what the language itself offers (comments, quotes, includes,
// conditional lines, definitions, sequences and lists) and knows nothing of what a keyword means.
//
// It may be imported by anyone; it imports the standard library only, and reaches files solely through the FS it is
// given, so that the same text, options and files always give the same tree.
//
// It must never run for long or grow without bound on hostile text (every repetition is limited and says so with a
// position), never act on a keyword other than include, include_check and random_seed, and never panic.
package syntax
