/**
 * A log for programs: JSON lines on stderr. A stuck reader loses lines, but never blocks the node: unread lines wait in
 * a bounded queue, and those that do not fit are dropped and counted.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import { printableJson } from '../lib/printable.js'
import type { LogLevel } from '../config/settings.js'

/** The most bytes queued for the reader. */
const MAX_WAITING = 1024 * 1024
const STDERR = 2

export interface JsonLog {
  write(level: LogLevel, text: string, fields: object): void
  /** Writes as much of the queue as the reader accepts at once. */
  end(): void
}

/** `onLost` is called when the reader is gone. */
export function openJsonLog(onLost: (error: Error) => void): JsonLog {
  const fd = ownDescriptor()
  let isEnding = false
  const destination = pino.destination({ fd, sync: false, maxLength: MAX_WAITING, retryEAGAIN: () => !isEnding })
  let dropped = 0
  destination.on('drop', () => dropped++)
  // At the end, unread lines are abandoned.
  destination.on('error', (error: Error) => {
    if (!isEnding) onLost(error)
  })
  // Events are already cleaned of untrusted text; control characters for a terminal are not text.
  const clean: DestinationStream = { write: (line) => void destination.write(`${printableJson(line.trimEnd())}\n`) }
  const log = pino({ base: null, level: 'debug', timestamp: stdTimeFunctions.isoTime, formatters: LABELS }, clean)
  destination.on('drain', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    log.warn({ event: 'dropped', lines }, `${lines} lines were not read in time, and dropped`)
  })
  return {
    write: (at, text, fields) => {
      log[at](fields, text)
    },
    end: () => {
      isEnding = true
      try {
        destination.flushSync()
        if (fd !== STDERR) closeSync(fd)
      } catch {
        // There is no reader.
      }
    },
  }
}

/** Writes levels by name. */
const LABELS = { level: (label: string) => ({ level: label }) }

/** A descriptor of stderr to which writes never block; stderr itself where that would affect other processes. */
function ownDescriptor(): number {
  try {
    // A pipe can be reopened with flags of its own; a socket cannot be reopened, and a file never blocks.
    if (!fstatSync(STDERR).isFIFO()) return STDERR
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return STDERR
  }
}
