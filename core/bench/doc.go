// Package bench measures what packetboat itself adds to an event, between the
// bytes of the API server and those of a request: go test -bench . ./core/bench.
//
// Times are those of one machine and no test looks at them. Allocations are the
// same on each; a test holds them to the figures in budget.json.
package bench
