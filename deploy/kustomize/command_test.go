package kustomize_test

import (
	"testing"

	"github.com/packetboat/packetboat/entrypoints/proving"
)

// TestCommand holds the tests that run the command, so that it is built once.
func TestCommand(t *testing.T) {
	t.Parallel()
	binary := proving.Build(t)
	for name, test := range map[string]func(*testing.T, string){
		"CronJob":                        testCronJob,
		"CronJob by its schedule":        testSchedule,
		"Deployment":                     testDeployment,
		"Indexed Jobs":                   testIndexed,
		"some namespaces":                testNamespaces,
		"every right of a run is needed": testEveryRight,
		"the Lease's rights are needed":  testLeaseRights,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for controllers most of the time
			test(t, binary)
		})
	}
}
