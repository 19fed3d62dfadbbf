// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command vigilctl asks a running vigild, over its control socket, what is
// true now, what happened, and why. Its manual page is vigilctl.1.
//
// It imports the client of collector/api, the words of engine/explain, the
// files of alerts and dashboards that it writes out and, for what is done to this
// machine without a vigild, engine/sys; it must never import the rest of the
// engine or change anything in vigild.
package main
