// Package bench measures whole processes side by side on one machine: packetboat
// and, as the measure of what the API server can give, a bare client-go reader
// of the same events. Figures are medians of rounds, in each of which every case
// runs once, so that a busy minute meets them all.
//
// It is not a test: nothing is asserted about time. That each run delivered what
// it should is checked, since a run that does less is faster.
package bench
