-- Numbers where ids on the wire are numbers. Taken by the services when a plugin, publisher or reviewer is new; what a
-- number was given to is in the events. The first thousand are the demonstration catalogue's.
create sequence es.plugin_numbers start 1000;      -- plugin_1000 of Backstage
create sequence es.publisher_numbers start 1000;   -- author_1000
create sequence es.review_numbers start 1000;      -- review_1000
create sequence es.user_numbers start 1000;        -- user_1000, of those who review
comment on sequence es.plugin_numbers is 'Numbers of plugins on the wire; taken when one is registered';
comment on sequence es.publisher_numbers is 'Numbers of publishers on the wire; taken when one appears';
comment on sequence es.review_numbers is 'Numbers of reviews on the wire; taken when one is written';
comment on sequence es.user_numbers is 'Numbers of reviewers on the wire; taken when one writes a first review';
