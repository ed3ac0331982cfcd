package pubsub

import (
	"testing"

	client "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestRequestsPerThousand(t *testing.T) {
	s := start(t)
	s.createTopic(t)
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, sinktest.Destination{Kind: Kind, Service: s, Config: s.config()}))
}

// Whatever goes wrong on the way, nothing is missing, and what came twice came
// under the same ID.
func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{
		NoPartial: "a publish request is taken or refused as a whole",
		Start: func(t *testing.T) sinktest.Destination {
			s := start(t)
			s.createTopic(t)
			return sinktest.Destination{Kind: Kind, Service: s, Config: s.config()}
		},
	})
}

// Of a batch that is refused as a whole the halves are sent.
func TestABadBatchIsCut(t *testing.T) {
	s := start(t)
	s.createTopic(t)
	s.Script(sinktest.Answer{Outcome: sinktest.Malformed})
	events := sinktest.Kibibyte(1000)
	stats := sinktest.Deliver(t, Kind, s.config(), events)
	assert.Zero(t, stats.Refused)
	assert.Equal(t, []int{1000, 500, 500}, s.requests)
	sinktest.RequireAll(t, events, sinktest.Bodies(s))
}

// The network breaks in mid-request and before an answer. The emulator forgets
// what it held when it is restarted, so that it stays up.
func TestEventsReadBack(t *testing.T) {
	all := map[string]string{"pstest": start(t).addr}
	count := 3000
	if emulator := peers.StartPubSub(t); emulator != nil {
		all["emulator"], count = emulator.Addr, 10_000
	}
	for name, addr := range all {
		t.Run(name, func(t *testing.T) {
			reader, err := client.NewClient(t.Context(), "packetboat-boats", option.WithEndpoint(addr), option.WithoutAuthentication(),
				option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
			require.NoError(t, err)
			t.Cleanup(func() { _ = reader.Close() })

			cutter := sinktest.NewCutter(t, addr)
			config := "{gcloud_project_id: packetboat-boats, topic: events, create_topic: true, endpoint: 'http://" + cutter.Addr + "'}"
			// Only what is published after it does a subscription get.
			require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, config), event.Sample()))
			_, err = reader.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
				Name: subscription, Topic: "projects/packetboat-boats/topics/events",
			})
			require.NoError(t, err)

			events := sinktest.Kibibyte(count)
			cutter.Request(count * 1024 / 2)
			sinktest.Deliver(t, sinktest.InMidRun(Kind, cutter.NextAnswer), config, events)
			want := map[string]string{}
			for _, ev := range events {
				want[ev.ID()] = string(ev.ToJSON())
			}
			assert.Equal(t, want, receive(t, reader, len(events)))
		})
	}
}

const subscription = "projects/packetboat-boats/subscriptions/all"

// receive reads until n different events are there.
func receive(t *testing.T, reader *client.Client, n int) map[string]string {
	t.Helper()
	got := map[string]string{}
	for len(got) < n {
		answer, err := reader.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1000})
		require.NoError(t, err)
		acks := &pubsubpb.AcknowledgeRequest{Subscription: subscription}
		for _, m := range answer.GetReceivedMessages() {
			got[m.GetMessage().GetAttributes()[idAttribute]] = string(m.GetMessage().GetData())
			acks.AckIds = append(acks.AckIds, m.GetAckId())
		}
		require.NoError(t, reader.SubscriptionAdminClient.Acknowledge(t.Context(), acks))
	}
	return got
}
