-- Of the timeline of their review customers read what they did themselves. What checks found, what officers did and
-- whom a list names is for officers: nobody is warned that they are looked into (31 U.S.C. 5318(g)(2) of suspicions).
ALTER POLICY own ON kyc_events
    USING (customer_id = app.user_id() AND actor = 'customer' AND EXISTS (SELECT FROM kyc_cases c WHERE c.id = case_id));
