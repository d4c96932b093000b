// A driver for @stomp/stompjs in Chromium: a page does the talking, this program brings it its lines and prints what it tells.
// The contract is docs/drivers.md.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { serve, tell, tellLine } from '../stompjs/contract.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const drivers = new URL('../', import.meta.url);

/** Serves the folder of the drivers: from `file:` no module is loaded, and such a page has no origin as those of users have. */
async function host() {
  const server = createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url, 'http://localhost'); // nothing above the folder: `..` is resolved
      const content = await readFile(new URL(`.${pathname}`, drivers));
      response.setHeader('content-type', pathname.endsWith('.html') ? 'text/html' : 'text/javascript');
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return `http://127.0.0.1:${server.address().port}/browser/page.html`;
}

/** Chromium with the page, in which one client after the other is made. */
async function launch() {
  // SIGTERM is to end us, as it does by itself: Playwright would end Chromium alone. Without us Chromium ends as well.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], handleSIGTERM: false });
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => tell({ event: 'error', message: String(error) }));
  await page.exposeFunction('tellLines', tellLine);
  await page.goto(await host());
  return page;
}

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
let page;

await serve('@stomp/stompjs in Chromium', dependencies['@stomp/stompjs'], async (settings) => {
  page ??= await launch();
  await page.evaluate((it) => window.start(it), settings);
  return {
    take: (line) => page.evaluate((it) => window.chat.take(it), line),
    quit: () => page.evaluate(() => window.quit()),
    drop: () => page.evaluate(() => window.drop()),
  };
});
