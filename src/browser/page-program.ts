/** The program of the page in the browser: it follows the node, and checks files. */
import { offerChecks, offerVerifying } from './file-checks.js'
import { LivePage } from './live-page.js'

document.documentElement.classList.add('live')
offerVerifying()
const form = document.getElementById('check')
if (form !== null) offerChecks(form)
const status = document.getElementById('live')
if (status !== null) new LivePage(status).start()
