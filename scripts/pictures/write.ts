/** Writes docs/pictures/*.svg: `npm run pictures`. A test compares them with what the code draws. */
import { writeFileSync } from 'node:fs'
import { drawnFiles } from './drawn.js'

const FOLDER = new URL('../../docs/pictures/', import.meta.url)
for (const [name, svg] of drawnFiles()) writeFileSync(new URL(name, FOLDER), svg)
