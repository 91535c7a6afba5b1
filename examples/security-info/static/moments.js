// Moments by the reader's clock. The site knows no zone but UTC; without this script they stay in it.
"use strict";

const clock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

for (const moment of document.querySelectorAll("time[datetime]")) {
  moment.title = moment.textContent;
  moment.textContent = clock.format(new Date(moment.dateTime));
}
