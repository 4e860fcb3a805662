package sqstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
)

// sendOf sends so many messages of a group, whose bodies begin with its name; "" is no group.
func (w *world) sendOf(group string, n int) {
	w.Helper()
	for i := range n {
		in := &sqs.SendMessageInput{QueueUrl: aws.String(work), MessageBody: aws.String(fmt.Sprintf("%s-%d", group, i))}
		if group != "" {
			in.MessageGroupId = &group
		}
		_, err := w.SendMessage(w.Context(), in)
		require.NoError(w, err)
	}
}

// receiveAs receives up to ten messages, and returns how many there are of each group by the beginnings of their bodies.
func (w *world) receiveAs() map[string]int {
	w.Helper()
	got := map[string]int{}
	for _, m := range w.receive(work) {
		group, _, _ := strings.Cut(*m.Body, "-")
		require.Equal(w, group, m.Attributes["MessageGroupId"])
		got[group]++
	}
	return got
}

func TestFairQueue_QuietGroupsGoFirstOnceAGroupIsNoisy(t *testing.T) {
	w := newWorld(t)
	w.sendOf("noisy", 100)
	w.sendOf("quiet", 3)
	w.sendOf("", 2)
	for range 3 {
		require.Equal(t, map[string]int{"noisy": 10}, w.receiveAs(), "the oldest, while fewer than 30 are in flight")
	}
	require.Equal(t, map[string]int{"quiet": 3, "": 2, "noisy": 5}, w.receiveAs(), "a message without a group is its own group")
	w.sendOf("quiet", 1)
	require.Equal(t, map[string]int{"quiet": 1, "noisy": 9}, w.receiveAs())
}

func TestFairQueue_WithoutGroupsTheOldestGoFirst(t *testing.T) {
	w := newWorld(t)
	w.sendOf("", 100)
	w.sendOf("quiet", 3)
	for range 10 {
		require.Equal(t, map[string]int{"": 10}, w.receiveAs())
	}
	require.Equal(t, map[string]int{"quiet": 3}, w.receiveAs())
}

func TestFairQueue_OfTwoNoisyGroupsTheOneWithFewerInFlightGoesFirst(t *testing.T) {
	w := newWorld(t)
	w.sendOf("first", 40)
	w.sendOf("second", 100)
	w.sendOf("first", 10)
	for range 7 {
		w.receiveAs() // 40 of the first, 30 of the second
	}
	require.Equal(t, map[string]int{"second": 10}, w.receiveAs())
	require.Equal(t, map[string]int{"second": 10}, w.receiveAs(), "they are equal: the oldest goes first")
	require.Equal(t, map[string]int{"first": 10}, w.receiveAs())
}

func TestFairQueue_AGroupIsQuietAgainOnceItSendsNothing(t *testing.T) {
	for name, after := range map[string]time.Duration{"noisy": 4 * time.Minute, "quiet": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sendOf("big", 100)
			for range 4 {
				w.receiveAs()
			}
			w.now = w.now.Add(after) // all of them are visible again
			w.sendOf("small", 1)
			want := map[string]int{"big": 9, "small": 1}
			if name == "quiet" {
				want = map[string]int{"big": 10}
			}
			require.Equal(t, want, w.receiveAs())
		})
	}
}

func TestAMessageGroupIsTextAndDigitsAndPunctuation(t *testing.T) {
	w := newWorld(t)
	for group, fine := range map[string]bool{"acme": true, "A-z_0.9": true, `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~` + "`": true, "a b": false, "é": false, strings.Repeat("g", 129): false} {
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(work), MessageBody: aws.String("b"), MessageGroupId: &group})
		if fine {
			require.NoError(t, err, group)
		} else {
			require.ErrorContains(t, err, "MessageGroupId", group)
		}
	}
}
