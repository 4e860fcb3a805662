// Package operator is the room of what cellctl does: placement, moves, removals, dead letters, replays, restores and
// health. Its packages import the model, and each other; nothing that runs in Lambda imports them.
package operator
