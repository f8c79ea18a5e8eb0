/** A feed as Atom (RFC 4287) and as a JSON Feed (version 1.1). Pure. */
import { printable, printableLines } from '../lib/printable.js'
import type { NewsFeed, FeedEntry } from '../status/feed-entries.js'
import type { JsonFeed } from '../status/feed-shapes.js'

const VERSION = 'https://jsonfeed.org/version/1.1'

/** References in it are relative: only the reader knows the address by which it reached this node. */
export function atomText({ id, title, author, updated, entries }: NewsFeed): string {
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    `<id>${xml(id)}</id>`,
    `<title>${xml(title)}</title>`,
    `<updated>${xml(updated)}</updated>`,
    `<author><name>${xml(author)}</name></author>`,
    '<link rel="self" type="application/atom+xml" href="feed.atom"/>',
    '<link rel="alternate" type="text/html" href="./"/>',
    ...entries.map(atomEntry),
    '</feed>',
    '',
  ].join('\n')
}

function atomEntry({ id, at, kind, title, text, path }: FeedEntry): string {
  return [
    '<entry>',
    `<id>${xml(id)}</id>`,
    `<title>${xml(title)}</title>`,
    `<updated>${xml(at)}</updated>`,
    `<published>${xml(at)}</published>`,
    `<category term="${xml(kind)}"/>`,
    ...(path === undefined ? [] : [`<link rel="alternate" type="${typeOf(kind)}" href="${xml(path)}"/>`]),
    `<content type="text">${xml(text, printableLines)}</content>`,
    '</entry>',
  ].join('\n')
}

function typeOf(kind: FeedEntry['kind']): string {
  return kind === 'evidence' ? 'application/json' : 'text/plain'
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text between tags or in quotes. Characters that XML cannot contain are not printable either. */
function xml(text: string, fit: (text: string) => string = printable): string {
  return fit(text).replace(/[&<>"']/g, (char) => ESCAPES[char]!)
}

export function jsonFeed({ id, title, author, updated, entries }: NewsFeed): JsonFeed {
  return {
    ...{ version: VERSION, title, description: `${author}, ${id}, as of ${updated}`, authors: [{ name: author }] },
    items: entries.map(({ id: entry, at, kind, title: name, text, path }) => ({
      ...{ id: entry, title: name, content_text: text, date_published: at, tags: [kind] },
      ...(path !== undefined && { url: path }),
    })),
  }
}
