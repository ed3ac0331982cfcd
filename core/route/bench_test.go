package route

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
)

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{50, 1000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			var root Route
			for i := range n {
				r := Rule{Receiver: Receiver{Name: fmt.Sprint("r", i%10)}}
				switch i % 4 {
				case 0:
					r.Namespace.Text, r.Type.Text = fmt.Sprint("^team-", i, "$"), "Warning"
				case 1:
					r.Kind.Text, r.Reason.Text = "Pod|Deployment|ReplicaSet", fmt.Sprint("Failed", i)
				case 2:
					r.Namespace.Text = fmt.Sprint("*test-", i, "*")
				default:
					r.Message.Text = fmt.Sprint("exit code [0-9]+ in ", i)
				}
				root.Match = append(root.Match, r)
			}
			tree, err := Compile(root, []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"})
			require.NoError(b, err)
			ev, dst := event.Sample(), make([]int, 0, 10)
			b.ReportAllocs()
			for b.Loop() {
				dst = tree.Route(ev, dst[:0])
			}
		})
	}
}
