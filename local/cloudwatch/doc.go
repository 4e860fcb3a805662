// Package cloudwatch is the local cloud's Amazon CloudWatch: it keeps metrics in memory, takes them out of log lines in the
// embedded metric format, answers queries with metric math and SEARCH, and evaluates metric alarms and composite alarms.
//
// Time is a parameter everywhere, so that tests need no clock: who owns the package's parts calls Alarms.Evaluate as often as
// states are to be fresh. Periods may be as short as one second; AWS takes 10 s, 30 s and whole minutes. Package api serves
// what is here to the AWS SDK and CLI.
package cloudwatch
